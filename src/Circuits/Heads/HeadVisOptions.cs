namespace HeadTap.Circuits;

/// <summary>
/// What HeadVis keeps of a text for each head (Luger, Kamath et al. 2026); the defaults are those of the
/// published dashboards.
/// </summary>
public sealed record HeadVisOptions
{
    /// <summary>Number of buckets of windows, by the largest attention in them.</summary>
    public int Intervals { get; init; } = 5;

    /// <summary>Windows drawn for each bucket but the highest.</summary>
    public int Samples { get; init; } = 3;

    /// <summary>Windows kept in the highest bucket: those with the largest attention.</summary>
    public int TopSamples { get; init; } = 10;

    /// <summary>Keys kept of each query at most.</summary>
    public int KeysOfQuery { get; init; } = 8;

    /// <summary>Attention that a key must have.</summary>
    public float LeastAttention { get; init; } = 0.005f;

    /// <summary>Bins of the distribution of the largest attention, from 0 to 1.</summary>
    public int Bins { get; init; } = 50;

    /// <summary>Seed of what is drawn.</summary>
    public ulong Seed { get; init; }

    /// <summary>Number of windows whose largest attention decides the borders of the buckets.</summary>
    /// <param name="windows">Number of windows.</param>
    public static int BorderWindows(int windows)
        => Math.Min(windows, Math.Min(2000, Math.Max(50, windows / 10)));
}

/// <summary>A window of a text as HeadVis shows it.</summary>
/// <param name="Window">Index of the window, from 0.</param>
/// <param name="Interval">Bucket, from 1; the highest has the largest attention.</param>
/// <param name="Tokens">Token ids.</param>
/// <param name="MaxAttention">Largest attention of the head in it, query 0 and key 0 left out.</param>
/// <param name="Indices">q T + k of each attention weight that is kept, ascending.</param>
/// <param name="Values">The weights.</param>
public sealed record HeadVisSequence(int Window, int Interval, IReadOnlyList<int> Tokens, float MaxAttention,
    IReadOnlyList<int> Indices, IReadOnlyList<float> Values);

/// <summary>What HeadVis shows of one head.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="Sequences">Windows, by bucket.</param>
/// <param name="Histogram">Number of windows by their largest attention, in equal bins from 0 to 1.</param>
/// <param name="MeanMaxAttention">Mean of the largest attention over all windows.</param>
public sealed record HeadVisHead(int Layer, int Head, IReadOnlyList<HeadVisSequence> Sequences,
    IReadOnlyList<long> Histogram, double MeanMaxAttention);
