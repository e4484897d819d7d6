// A decoder's forward pass in float64, for `verify` to compare with. It shares nothing with the ops: plain
// loops over plain arrays, in the order of the paper, so that a reader can check it by eye.

using System.Numerics.Tensors;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Takes one site of a float64 run.</summary>
/// <param name="name">As TransformerLens names it: <c>blocks.3.attn.hook_z</c>.</param>
/// <param name="shape">Without a batch axis.</param>
/// <param name="values">Row-major; the receiver may keep the array, and must not change it.</param>
public delegate void Float64SiteSink(string name, int[] shape, double[] values);

/// <summary>
/// A decoder in float64, one sequence at a time. The weights are the float32 ones; everything computed from
/// them is float64, and does not depend on the number of threads.
/// </summary>
/// <param name="config">The sizes.</param>
/// <param name="parameters">
/// Gives a parameter by its name in <see cref="ParameterLayout"/>, in its order; each is asked for once a run
/// (the embedding twice where the head is tied), so they may be read from a file one by one.
/// </param>
/// <param name="headBias">[V], added to the logits; a model with folded LayerNorms has one.</param>
public sealed class Float64Decoder(ModelConfig config, Func<string, float[]> parameters,
    float[]? headBias = null)
{
    const int ColumnsPerItem = 128;

    /// <summary>Runs the model and shows every site in order of execution.</summary>
    /// <remarks>
    /// Shapes: streams, normalised streams and what blocks add [T, C], LayerNorm scales (root of variance
    /// plus epsilon) [T, 1], q, k, v and z [T, H, D], scores (scaled; minus infinity above the diagonal) and
    /// pattern [H, T, T], head results (without the bias they share) [T, H, C], feed-forward [T, I], logits
    /// [T, V].
    /// </remarks>
    /// <param name="tokens">[T] token ids.</param>
    /// <param name="site">Called on the caller's thread.</param>
    /// <returns>The logits, [T, V].</returns>
    /// <exception cref="UserException">No token, too many, or one outside the vocabulary.</exception>
    public double[] Run(ReadOnlySpan<int> tokens, Float64SiteSink? site = null)
    {
        Require(tokens);
        site ??= (_, _, _) => { };
        return new Float64Pass(config, parameters, headBias, tokens.Length, site).Forward(tokens);
    }

    void Require(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length == 0 || tokens.Length > config.ContextLength)
            throw new UserException(
                $"{tokens.Length} tokens; expected 1 to {config.ContextLength}, the model's context.");
        foreach (int token in tokens)
            if (token < 0 || token >= config.VocabSize)
                throw new UserException(
                    $"token id {token}: expected 0 to {config.VocabSize - 1}, the model's vocabulary.");
    }

    /// <summary><c>y = x W + b</c> for W [inputs, outputs].</summary>
    internal static double[] Linear(double[] x, float[] weight, float[] bias)
    {
        int outputs = bias.Length, inputs = weight.Length / outputs, rows = x.Length / inputs;
        double[] y = new double[rows * outputs];
        HostParallel.Ranges(outputs, ColumnsPerItem, (first, end) =>
        {
            int o = (int)first, strip = (int)(end - first);
            Span<double> w = new double[strip];
            for (int r = 0; r < rows; r++)
                TensorPrimitives.ConvertChecked(bias.AsSpan(o, strip), y.AsSpan(r * outputs + o, strip));
            // Inputs outside, rows inside: the matrix is widened once, however many tokens there are.
            for (int i = 0; i < inputs; i++)
            {
                TensorPrimitives.ConvertChecked<float, double>(weight.AsSpan(i * outputs + o, strip), w);
                for (int r = 0; r < rows; r++)
                {
                    Span<double> to = y.AsSpan(r * outputs + o, strip);
                    TensorPrimitives.MultiplyAdd(w, x[r * inputs + i], to, to);
                }
            }
        });
        return y;
    }

    /// <summary><c>y = x W^T</c> for W [outputs, inputs].</summary>
    internal static double[] LinearTransposed(double[] x, float[] weight, int inputs)
    {
        int outputs = weight.Length / inputs, rows = x.Length / inputs;
        double[] y = new double[rows * outputs];
        HostParallel.Ranges(outputs, ColumnsPerItem, (first, end) =>
        {
            Span<double> w = new double[inputs];
            for (int o = (int)first; o < end; o++)
            {
                TensorPrimitives.ConvertChecked<float, double>(weight.AsSpan(o * inputs, inputs), w);
                for (int r = 0; r < rows; r++)
                    y[r * outputs + o] = TensorPrimitives.Dot<double>(x.AsSpan(r * inputs, inputs), w);
            }
        });
        return y;
    }

    internal static double Activate(Activation activation, double x) => activation switch
    {
        Activation.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.GeluExact => x * NormalCdf(x),
        Activation.Relu => Math.Max(x, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, null),
    };

    /// <summary><c>(1 + erf(x / sqrt 2)) / 2</c>: .NET has no error function.</summary>
    static double NormalCdf(double x)
    {
        double a = Math.Abs(x), density = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI), tail;
        if (a < 3)
        {
            // Phi(a) = 1/2 + density (a + a^3/3 + a^5/(3 5) + ...); at 3, 60 terms reach 1e-20.
            double term = a, sum = a;
            for (int n = 3; n < 120; n += 2)
                sum += term *= a * a / n;
            tail = 0.5 - density * sum;
        }
        else
        {
            // 1 - Phi(a) = density / (a + 1/(a + 2/(a + 3/(a + ...)))), without cancellation far out.
            double fraction = a;
            for (int n = 120; n >= 1; n--)
                fraction = a + n / fraction;
            tail = density / fraction;
        }
        return x < 0 ? tail : 1 - tail;
    }
}
