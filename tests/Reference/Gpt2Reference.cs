using System.Numerics;

namespace HeadTap.Reference;

/// <summary>The loss and its gradient by every parameter and every site, by their names.</summary>
public sealed record ParameterGradients<TReal>(
    TReal Loss, Dictionary<string, TReal[]> Parameters, Dictionary<string, TReal[]> Sites);

/// <summary>
/// GPT-2 as the textbook writes it, one sequence at a time, for any floating-point type: with double it is
/// the oracle, with float the yardstick. A row of a padded batch must give what the row alone gives here.
/// </summary>
/// <remarks>
/// Sites are TransformerLens' (unprocessed weights); their shapes are in <see cref="Gpt2Sizes.Sites"/>.
/// Scores are scaled, and minus infinity above the diagonal. The mixture of values sums over all positions,
/// so the pattern above the diagonal, always 0, still has a gradient: what moving it would do.
/// </remarks>
public static class Gpt2Reference
{
    /// <summary>The value of every site, by name.</summary>
    /// <param name="parameters">Named as in the checkpoint, without the <c>transformer.</c> prefix.</param>
    /// <param name="hook">Given each site's name and value (its own copy); what it returns flows on.</param>
    public static Dictionary<string, TReal[]> Forward<TReal>(
        Gpt2Sizes sizes, IReadOnlyDictionary<string, TReal[]> parameters, int[] tokens,
        Func<string, TReal[], TReal[]>? hook = null)
        where TReal : IFloatingPointIeee754<TReal>
    {
        var pass = new Gpt2Pass<TReal>(sizes, parameters, tokens, hook);
        pass.Forward();
        return pass.Sites;
    }

    /// <summary>Mean cross-entropy of the targets and its gradients.</summary>
    /// <param name="targets">The token wanted at each position; -1 is not counted.</param>
    /// <param name="hook">As in <see cref="Forward"/>.</param>
    /// <param name="hookBackward">
    /// Turns the gradient by what the hook returned into the gradient by what it was given; a site's gradient
    /// is recorded before that, so it belongs to the recorded value.
    /// </param>
    /// <param name="counted">
    /// What the sum is divided by; 0 for this sequence's own count. With the whole batch's count, the losses
    /// and gradients of a batch are the sums over its rows.
    /// </param>
    public static ParameterGradients<TReal> Backward<TReal>(
        Gpt2Sizes sizes, IReadOnlyDictionary<string, TReal[]> parameters, int[] tokens, int[] targets,
        Func<string, TReal[], TReal[]>? hook = null, Func<string, TReal[], TReal[]>? hookBackward = null,
        int counted = 0)
        where TReal : IFloatingPointIeee754<TReal>
    {
        var pass = new Gpt2Pass<TReal>(sizes, parameters, tokens, hook);
        pass.Forward();
        (TReal loss, TReal[] dLogits) = CrossEntropy(pass.Sites["logits"], targets, counted);
        pass.Backward(dLogits, hookBackward);
        return new ParameterGradients<TReal>(loss, pass.ParameterGradients, pass.SiteGradients);
    }

    /// <summary>Gradients of the sum of logits times <paramref name="dLogits"/>, for other losses.</summary>
    public static ParameterGradients<TReal> BackwardFrom<TReal>(
        Gpt2Sizes sizes, IReadOnlyDictionary<string, TReal[]> parameters, int[] tokens, TReal[] dLogits,
        Func<string, TReal[], TReal[]>? hook = null, Func<string, TReal[], TReal[]>? hookBackward = null)
        where TReal : IFloatingPointIeee754<TReal>
    {
        var pass = new Gpt2Pass<TReal>(sizes, parameters, tokens, hook);
        pass.Forward();
        TReal value = TReal.Zero;
        for (int i = 0; i < dLogits.Length; i++)
            value += pass.Sites["logits"][i] * dLogits[i];
        pass.Backward(dLogits, hookBackward);
        return new ParameterGradients<TReal>(value, pass.ParameterGradients, pass.SiteGradients);
    }

    /// <summary>Each position's target is the token after it; the last position's is not counted.</summary>
    public static int[] NextTokens(int[] tokens) => [.. tokens.Skip(1), -1];

    /// <summary>Mean of <c>log sum exp(logits) - logits[target]</c>, and its gradient.</summary>
    /// <param name="logits">[T, V]</param>
    public static (TReal Loss, TReal[] DLogits) CrossEntropy<TReal>(
        TReal[] logits, int[] targets, int counted = 0)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int V = logits.Length / targets.Length;
        TReal n = TReal.CreateChecked(counted > 0 ? counted : targets.Count(target => target >= 0));
        TReal loss = TReal.Zero;
        TReal[] dLogits = new TReal[logits.Length];
        for (int t = 0; t < targets.Length; t++)
        {
            if (targets[t] < 0)
                continue;
            TReal[] row = logits[(t * V)..((t + 1) * V)];
            TReal max = row.Aggregate(TReal.Max), sum = TReal.Zero;
            for (int v = 0; v < V; v++)
                sum += TReal.Exp(row[v] - max);
            loss += (TReal.Log(sum) + max - row[targets[t]]) / n;
            for (int v = 0; v < V; v++)
                dLogits[t * V + v] = TReal.Exp(row[v] - max) / sum / n;
            dLogits[t * V + targets[t]] -= TReal.One / n;
        }
        return (loss, dLogits);
    }

    /// <summary>
    /// Random parameters, the same on every machine: matrices, embeddings and biases 0.02 * scale, LayerNorm
    /// gains 1 +- 0.2. At scale 1 a small model is nearly linear and attends evenly; near 3 sqrt(768 / width)
    /// its attention scores and logits are a few units wide, as a trained model's.
    /// </summary>
    /// <remarks>A sum of twelve uniforms needs no function that differs from machine to machine.</remarks>
    public static Dictionary<string, float[]> RandomParameters(Gpt2Sizes sizes, ulong seed, double scale = 1)
    {
        var parameters = new Dictionary<string, float[]>();
        foreach ((string name, int[] shape) in sizes.Parameters())
        {
            bool gain = shape.Length == 1 && name.Contains("ln_") && name.EndsWith("weight");
            float[] values = new float[shape.Aggregate(1, (product, extent) => product * extent)];
            for (int i = 0; i < values.Length; i++)
            {
                double bell = -6;
                for (int k = 0; k < 12; k++)
                    bell += Uniform(ref seed);
                values[i] = (float)(gain ? 1 + 0.2 * bell : 0.02 * scale * bell);
            }
            parameters.Add(name, values);
        }
        return parameters;
    }

    /// <summary>The same numbers in another precision.</summary>
    public static Dictionary<string, TReal[]> Convert<TReal>(IReadOnlyDictionary<string, float[]> parameters)
        where TReal : IFloatingPointIeee754<TReal> =>
        parameters.ToDictionary(p => p.Key, p => Array.ConvertAll(p.Value, TReal.CreateChecked));

    // SplitMix64 (Steele, Lea and Flood, 2014): 53 bits in [0, 1).
    static double Uniform(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
