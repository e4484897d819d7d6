namespace HeadTap.Circuits;

/// <summary>
/// What a clean and a corrupted prompt of one length gave: the metric of both, and what each node wrote.
/// </summary>
public sealed class PairRun
{
    internal PairRun(ContrastPair pair, AnswerMetric metric, double clean, double corrupt)
        => (Pair, Metric, Clean, Corrupt) = (pair, metric, clean, corrupt);

    /// <summary>The prompts and their answers.</summary>
    public ContrastPair Pair { get; }

    /// <summary>The metric, with what it needs of the clean run.</summary>
    public AnswerMetric Metric { get; }

    /// <summary>The metric after the clean prompt.</summary>
    public double Clean { get; }

    /// <summary>The metric after the corrupted prompt.</summary>
    public double Corrupt { get; }

    /// <summary>T: tokens of each prompt.</summary>
    internal int Length => Pair.Clean.Length;

    /// <summary>[U][T C]: what each writer wrote in the corrupted run.</summary>
    internal float[][] Corrupted { get; init; } = [];

    /// <summary>[U][T C]: what it wrote in the clean run less what it wrote in the corrupted one.</summary>
    internal float[][] Differences { get; init; } = [];

    /// <summary>[L][T C]: the corrupted run's stream into each block.</summary>
    internal float[][] StreamPre { get; init; } = [];

    /// <summary>[L][T C]: the clean run's stream into each block less the corrupted one's.</summary>
    internal float[][] StreamDifferences { get; init; } = [];

    /// <summary>[L][T C]: the corrupted run's stream after each block's attention.</summary>
    internal float[][] StreamMid { get; init; } = [];

    /// <summary>[T C]: the corrupted run's stream out of the last block.</summary>
    internal float[] StreamEnd { get; init; } = [];

    /// <summary>[L][T C]: z of all heads in the clean run.</summary>
    internal float[][] CleanZ { get; init; } = [];

    /// <summary>[L][T C]: what the feed-forward blocks wrote in the clean run.</summary>
    internal float[][] CleanMlp { get; init; } = [];
}
