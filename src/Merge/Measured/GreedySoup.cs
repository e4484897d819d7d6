using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// The greedy soup: models from the best to the worst, each kept if the mean with it is no worse (Wortsman et
/// al. 2022, arXiv 2203.05482, recipe 1). A score is the mean next-token cross-entropy over the rows of all
/// models.
/// </summary>
public sealed class GreedySoup : MeasuredMethod
{
    const int RowsInPass = 8;

    /// <inheritdoc/>
    public override string Name => "greedy_soup";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2203.05482";

    /// <inheritdoc/>
    public override string Equation =>
        "mean of S; by rising loss, theta_i joins S if loss(mean of S and theta_i) <= loss(mean of S)";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Examples];

    /// <inheritdoc/>
    /// <exception cref="UserException">A model cannot be read or run.</exception>
    public override MergeMethod Measured(MergeMeasurement measurement)
    {
        ArgumentNullException.ThrowIfNull(measurement);
        IReadOnlyList<int> chosen = Chosen(measurement);
        return With((tensor, _) => WeightedSum.Mean(tensor, chosen));
    }

    /// <summary>The models that make the soup, the best first.</summary>
    internal static IReadOnlyList<int> Chosen(MergeMeasurement measurement)
    {
        int models = measurement.Rows.Count, runs = 0;
        int examples = (int)measurement.Settings.Of(Examples);
        int[][] rows = [.. measurement.Rows.DistinctBy(r => r).SelectMany(r => r.Take(examples))];
        using LanguageModel model = measurement.Load(0);
        StoredParameters[] stored = [];
        try
        {
            stored = [.. measurement.Config.Models.Select(m => new StoredParameters(m.Folder))];
            double Of(IReadOnlyList<int> members)
            {
                measurement.Report(runs++ / (2.0 * models));
                LoadMean(model, [.. members.Select(m => stored[m])]);
                return Loss(model, rows);
            }
            double[] losses = [.. Enumerable.Range(0, models).Select(m => Of([m]))];
            int[] order = [.. Enumerable.Range(0, models).OrderBy(m => losses[m])];
            List<int> chosen = [order[0]];
            double best = losses[order[0]];
            foreach (int m in order.Skip(1))
                if (Of([.. chosen, m]) is var loss && loss <= best)
                {
                    chosen.Add(m);
                    best = loss;
                }
            return chosen;
        }
        finally
        {
            foreach (StoredParameters one in stored)
                one.Dispose();
        }
    }

    static void LoadMean(LanguageModel model, StoredParameters[] members)
    {
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            ITensorMerge mean = WeightedSum.Mean(
                new Stored(members, slice), Enumerable.Range(0, members.Length));
            float[] piece = new float[(int)Math.Min(ParentTensor.PieceLength, slice.Length)];
            for (long start = 0; start < slice.Length; start += piece.Length)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(piece.Length, slice.Length - start));
                mean.Write(start, values);
                model.Set[slice.Name].Slice(slice.Name, start, values.Length).Upload(values);
            }
        }
    }

    static double Loss(LanguageModel model, int[][] rows)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = Math.Min(RowsInPass, rows.Length), MaxTokens = rows.Max(r => r.Length),
        });
        double sum = 0;
        foreach (int[][] chunk in rows.Chunk(RowsInPass))
        {
            var batch = new SequenceBatch(chunk);
            sum += session.TokenLosses(batch, batch.NextTokens()).Sum(loss => (double)loss);
        }
        return sum / rows.Sum(r => (long)r.Length - 1);
    }

    sealed class Stored(StoredParameters[] members, ParameterSlice slice) : ParentTensor
    {
        public override string Name => slice.Name;

        public override IReadOnlyList<int> Shape => slice.Shape;

        public override int Models => members.Length;

        public override bool HasBase => false;

        public override void Read(int model, long start, Span<float> to)
            => members[model].Read(members[model].Layout[slice.Name], start, to);

        public override void ReadBase(long start, Span<float> to)
            => throw new InvalidOperationException("a soup has no base");
    }
}
