using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The factors of the gradients of one feed-forward block. A weight's gradient is a sum over positions of
/// outer products: <c>dW_in = sum_t x_t ⊗ g_t</c> and <c>dW_out = sum_t a_t ⊗ d_t</c>.
/// </summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Inputs">x, [T, C]: what the block reads, behind its LayerNorm.</param>
/// <param name="PreGradients">g, [T, I]: dL/d(neurons before their nonlinearity).</param>
/// <param name="Neurons">a, [T, I]: neurons.</param>
/// <param name="Shifts">d, [T, C]: dL/d(what the block writes).</param>
/// <param name="InError">Largest difference between sum_t x_t ⊗ g_t and the gradient of W_in that the
/// backward pass gives, as a share of its largest element.</param>
/// <param name="OutError">The same of W_out.</param>
public sealed record GradientFactors(int Layer, float[] Inputs, float[] PreGradients, float[] Neurons,
    float[] Shifts, double InError, double OutError);

/// <summary>A position's share of the gradients of a feed-forward block, in words.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Position">Position, from 0.</param>
/// <param name="Strength"><c>|a_t| |d_t|</c>: the Frobenius norm of the position's term of dW_out.</param>
/// <param name="Imprint">Tokens that x_t points at: the inputs that will meet what the step writes.</param>
/// <param name="Raised">Tokens that a step against the gradient makes more probable there: -d_t.</param>
/// <param name="Lowered">Tokens that it makes less probable: d_t.</param>
public sealed record GradientWords(int Layer, int Position, double Strength,
    IReadOnlyList<LensToken> Imprint, IReadOnlyList<LensToken> Raised, IReadOnlyList<LensToken> Lowered);

/// <summary>
/// Reads the gradient of a loss in words (Backward Lens: Katz et al. 2024, arXiv 2402.12865): the factors of
/// the feed-forward weights' gradients, through the gain of the final LayerNorm and the unembedding.
/// </summary>
public sealed class BackwardLens
{
    readonly LanguageModel _model;
    readonly IReadOnlyList<GradientFactors> _layers;

    BackwardLens(LanguageModel model, IReadOnlyList<GradientFactors> layers, double loss)
        => (_model, _layers, Loss) = (model, layers, loss);

    /// <summary>Mean cross-entropy of the targets, nats.</summary>
    public double Loss { get; }

    /// <summary>Factors of every layer.</summary>
    public IReadOnlyList<GradientFactors> Layers => _layers;

    /// <summary>Runs a prompt forward and backward.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">[T]: token ids.</param>
    /// <param name="targets">[T]: the token that each position should give, -1 where none counts.</param>
    /// <exception cref="UserException">No position has a target, or the pass does not fit the
    /// device.</exception>
    public static BackwardLens Read(
        LanguageModel model, IReadOnlyList<int> prompt, ReadOnlySpan<int> targets)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        int L = model.Config.Layers, counted = 0;
        foreach (int target in targets)
            counted += target >= 0 ? 1 : 0;
        IEnumerable<Site> Each(Func<int, Site> site) => Enumerable.Range(0, L).Select(site);
        var matrices = model.Parameters.Slices
            .Where(s => s.Role is Role.MlpInWeight or Role.MlpOutWeight).ToArray();
        using var gradients =
            ParameterGradients.Create(model, matrices.Select(s => s.Name).ToHashSet(StringComparer.Ordinal));
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count), Backward = true,
            Record = [.. Each(Site.Ln2Normalized), .. Each(Site.MlpPost)],
            RecordGradients = [.. Each(Site.MlpPre), .. Each(Site.MlpOut)],
        });
        (double sum, int count) = session.ForwardBackward(
            new SequenceBatch([prompt]), targets, gradients, 1f / Math.Max(1, counted));
        var layers = new GradientFactors[L];
        for (int l = 0; l < L; l++)
        {
            float[] x = session.Recordings[Site.Ln2Normalized(l)].ToArray();
            float[] a = session.Recordings[Site.MlpPost(l)].ToArray();
            float[] g = session.SiteGradients[Site.MlpPre(l)].ToArray();
            float[] d = session.SiteGradients[Site.MlpOut(l)].ToArray();
            float[] Of(Role role) => gradients.Set[model.Parameters[role, l].Name].ToArray();
            layers[l] = new GradientFactors(l, x, g, a, d,
                Error(x, g, Of(Role.MlpInWeight), prompt.Count),
                Error(a, d, Of(Role.MlpOutWeight), prompt.Count));
        }
        return new BackwardLens(model, layers, sum / count);
    }

    /// <summary>Reads every position of a layer.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="top">Tokens to list; 1 to V.</param>
    public IReadOnlyList<GradientWords> Words(int layer, int top)
    {
        GradientFactors factors = _layers[layer];
        int C = _model.Config.Width, V = _model.Config.VocabSize, T = factors.Inputs.Length / C;
        int I = factors.Neurons.Length / T;
        float[] inputs = DirectLogitAttribution.Unembed(_model, factors.Inputs, 1f);
        // Largest 1: gradients of a confident answer are tiny, and words do not depend on the size.
        float largest = factors.Shifts.Max(Math.Abs);
        float[] shifts = DirectLogitAttribution.Unembed(_model,
            largest > 0 ? Array.ConvertAll(factors.Shifts, x => x / largest) : factors.Shifts, 1f);
        float[] against = Array.ConvertAll(shifts, x => -x);
        return [.. Enumerable.Range(0, T).Select(t => new GradientWords(layer, t,
            Norm(factors.Neurons.AsSpan(t * I, I)) * Norm(factors.Shifts.AsSpan(t * C, C)),
            Top(inputs, t), Top(against, t), Top(shifts, t)))];

        IReadOnlyList<LensToken> Top(float[] logits, int t)
            => [.. LargestLogits.Of(logits.AsSpan(t * V, V), top)
                .Select(x => new LensToken(x.Token, x.Logit))];
    }

    static double Norm(ReadOnlySpan<float> x)
    {
        double sum = 0;
        foreach (float v in x)
            sum += (double)v * v;
        return Math.Sqrt(sum);
    }

    // The largest difference of sum_t left_t (x) right_t from the gradient, relative to its largest element.
    static double Error(float[] left, float[] right, float[] gradient, int T)
    {
        int rows = left.Length / T, columns = right.Length / T;
        double[] largest = new double[rows], errors = new double[rows];
        Parallel.For(0, rows, new ParallelOptions
        {
            MaxDegreeOfParallelism = ComputeDevice.HostThreadCount,
        }, i =>
        {
            double[] sums = new double[columns];
            for (int t = 0; t < T; t++)
                for (int j = 0; j < columns; j++)
                    sums[j] += (double)left[t * rows + i] * right[t * columns + j];
            for (int j = 0; j < columns; j++)
            {
                largest[i] = Math.Max(largest[i], Math.Abs(gradient[i * columns + j]));
                errors[i] = Math.Max(errors[i], Math.Abs(sums[j] - gradient[i * columns + j]));
            }
        });
        double most = largest.Max();
        return most == 0 ? errors.Max() : errors.Max() / most;
    }
}
