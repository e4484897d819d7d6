using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Corruption of a prompt by noise on the token embeddings of some positions, as in causal tracing (Meng et
/// al. 2022, arXiv 2202.05262, section 2.1: normal, with 3 times the deviation of the embeddings).
/// </summary>
/// <param name="Positions">Positions that get noise, from 0; negative ones count from the end.</param>
/// <param name="Scale">Deviation of the noise in deviations of the token embedding.</param>
public sealed record EmbeddingNoise(IReadOnlyList<int> Positions, double Scale = 3)
{
    /// <summary>
    /// Standard deviation of all numbers of the token embedding, in float64. The paper takes that of the
    /// subjects of its data set, which a model alone does not have.
    /// </summary>
    public static double DeviationOf(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        float[] table = model.Weights.TokenEmbedding.ToArray();
        double mean = 0, squares = 0;
        foreach (float x in table)
            mean += x;
        mean /= table.Length;
        foreach (float x in table)
            squares += (x - mean) * (x - mean);
        return Math.Sqrt(squares / table.Length);
    }

    /// <summary>Checks the noise against a prompt.</summary>
    /// <exception cref="UserException">No position, one outside the prompt, or a scale that is no positive
    /// number.</exception>
    public void Validate(int length)
    {
        if (!(Scale > 0) || !double.IsFinite(Scale))
            throw new UserException(
                $"the scale of the noise is {Scale}; expected a finite number above 0");
        if (Positions.Count == 0)
            throw new UserException("no position gets noise; expected at least one");
        foreach (int position in Positions)
            if (position < -length || position >= length)
                throw new UserException($"position {position} gets noise, and the prompt has positions 0 to "
                    + $"{length - 1}");
    }

    /// <summary>The prompt with noise, which one sample draws.</summary>
    /// <param name="clean">Token ids of the prompt.</param>
    /// <param name="width">C, width of the stream.</param>
    /// <param name="deviation">From <see cref="DeviationOf"/>.</param>
    /// <param name="random">Draws; moves on by 2 numbers for each position and channel.</param>
    public PatchInput Corrupt(int[] clean, int width, double deviation, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(clean);
        ArgumentNullException.ThrowIfNull(random);
        Validate(clean.Length);
        int[] positions = [.. Positions.Select(p => p < 0 ? p + clean.Length : p).Distinct().Order()];
        return new PatchInput(clean)
        {
            Edits = [.. positions.Select(position =>
            {
                float[] noise = new float[width];
                random.FillNormal(noise, (float)(Scale * deviation));
                return new Edit
                {
                    Site = Site.Embed, Operation = EditOperation.Add, Value = EditValue.Numbers(noise),
                    Positions = EditPositions.List([position]),
                };
            })],
        };
    }
}
