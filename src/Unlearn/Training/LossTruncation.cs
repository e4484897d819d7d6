using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Loss truncation: drops rows whose loss is above a percentile of recent losses (Kang and Hashimoto 2020,
/// arXiv 2004.14589; R2 of arXiv 2410.02159). <c>loss = mean_r l_r [l_r at most cut]</c>, with cut the
/// percentile 1 - share of the recorded losses. The mean is over all rows; dropped ones count as 0.
/// </summary>
/// <remarks>
/// No row is dropped until the record is full. The cut-off is computed again after every record's length of
/// new losses. A step needs one more forward pass.
/// </remarks>
public sealed class LossTruncation : TrainingRegulariser
{
    static readonly MethodOption
        s_share = MethodOption.Number("Share", 0.05, OptionRange.BelowOne,
            "share of the rows that is dropped"),
        s_record = MethodOption.Whole("Record", 10000, OptionRange.AtLeastOne,
            "losses from which the percentile is taken");

    readonly float _share;
    readonly TensorArena _arena;
    readonly Tensor _record, _counts;

    /// <param name="device">Device that holds the record.</param>
    /// <param name="share">Share of the rows that is dropped: 0.01, 0.05 or 0.1 in the published
    /// runs.</param>
    /// <param name="record">Number of recent losses in the record: 10,000 in the published runs. It has no
    /// effect on a run with fewer rows than that.</param>
    /// <exception cref="UserException">An option is outside its range.</exception>
    public LossTruncation(ComputeDevice device, float share, int record)
    {
        _share = (float)s_share.Checked(share);
        s_record.Checked(record);
        _arena = new TensorArena(device, TensorArena.Measure(device, arena => Cut(arena, record)),
            "record of losses");
        (_record, _counts) = Cut(_arena, record);
    }

    /// <summary>The regulariser's declaration: name, paper, equation, options.</summary>
    public static RegulariserKind Kind { get; } = new("loss-truncation",
        "arXiv 2410.02159 (R2), after arXiv 2004.14589",
        "the mean of l [l <= cut]; cut is the percentile 1 - share of the last losses, computed again each "
            + "time as many losses have been seen as the record holds",
        [s_share, s_record], (model, given, _, _) => new LossTruncation(
            model.Device, given.Number(s_share), given.Whole(s_record)));

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Tensor Tensor)> State
        => [("loss_truncation.record", _record), ("loss_truncation.counts", _counts)];

    /// <summary>
    /// The cut-off: rows with a higher loss are dropped; infinite until the record is full.
    /// </summary>
    public float CutOff
    {
        get
        {
            float[] counts = _counts.ToArray();
            return counts[0] < _record.Length ? float.PositiveInfinity : counts[2];
        }
    }

    /// <summary>Adds rows' losses to the record, and returns which rows count.</summary>
    internal bool[] Counts(float[] losses)
    {
        // These floats hold whole numbers exactly: none is above twice the record's length plus a batch.
        float[] record = _record.ToArray(), counts = _counts.ToArray();
        (int seen, int since, float cut) = ((int)counts[0], (int)counts[1], counts[2]);
        int next = (int)counts[3];
        foreach (float loss in losses)
        {
            record[next] = loss;
            next = (next + 1) % record.Length;
        }
        bool full = seen >= record.Length;
        seen = Math.Min(seen + losses.Length, record.Length);
        since += losses.Length;
        if (seen == record.Length && (!full || since >= record.Length))
            (cut, since) = (Percentile(record, 1 - _share), 0);
        _record.Upload(record);
        _counts.Upload([seen, since, cut, next]);
        return Array.ConvertAll(losses, loss => seen < record.Length || loss <= cut);
    }

    /// <summary>Returns a percentile of values, interpolated linearly between neighbours.</summary>
    internal static float Percentile(float[] values, double at)
    {
        float[] sorted = [.. values.Order()];
        double place = at * (sorted.Length - 1);
        int below = (int)place;
        return below + 1 == sorted.Length ? sorted[below]
            : (float)(sorted[below] + (place - below) * ((double)sorted[below + 1] - sorted[below]));
    }

    private protected override double Add(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch)
    {
        int[][] all = [.. batch.Select(b => rows[b])];
        double[] losses = trainer.Passes.RowLosses(all);
        bool[] counts = Counts(Array.ConvertAll(losses, loss => (float)loss));
        int[][] counted = [.. all.Where((_, r) => counts[r])];
        if (counted.Length == 0)
            return 0;
        return trainer.Passes.AddWeighed(counted, _ => 1.0 / all.Length);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _arena.Dispose();
        base.Dispose(disposing);
    }

    static (Tensor, Tensor) Cut(TensorArena arena, int record)
        => (arena.Cut("record of losses", record), arena.Cut("seen, since the cut-off, cut-off, next", 4));
}
