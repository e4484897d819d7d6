using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="AttributeJob"/>.</summary>
public sealed record AttributeOptions
{
    /// <summary>Most points between the prompts.</summary>
    public const int MostSteps = 10_000;

    /// <summary>The model and pairs of prompts.</summary>
    public required ContrastRequest Contrast { get; init; }

    /// <summary>
    /// The metric: logit-diff, logprob or kl; null for logit-diff where every pair has a wrong answer, else
    /// logprob.
    /// </summary>
    public string? Metric { get; init; }

    /// <summary>Points between the two prompts' embeddings at which gradients are taken (EAP-IG); 0 takes
    /// those of the corrupted prompt (EAP).</summary>
    public int IgSteps { get; init; } = 5;

    /// <summary>Number of edges with the largest effects that make the circuit; null for 100, or for the
    /// threshold's.</summary>
    public int? Edges { get; init; }

    /// <summary>Smallest effect of an edge of the circuit; null for a number of edges.</summary>
    public double? Threshold { get; init; }

    /// <summary>Whether nodes are also patched one by one, to see how well the estimates agree.</summary>
    public bool Agreement { get; init; }

    /// <summary>What effects are listed by: node, or position for those of each position too; null for
    /// node.</summary>
    public string? By { get; init; }

    /// <summary>Whether positions are counted from the end, -1 the last; those that not every pair has are
    /// left out.</summary>
    public bool FromEnd { get; init; }

    /// <summary>Number of largest effects that the agreement compares and the page shows.</summary>
    public int Top { get; init; } = 10;

    /// <summary>Most rows of a pass; 0 takes as many as 1,024 tokens hold.</summary>
    public int BatchRows { get; init; }

    /// <summary>File of an HTML page with the circuit as a graph; null for none.</summary>
    public string? Out { get; init; }

    /// <summary>File of the circuit's graph, .svg; null for none.</summary>
    public string? Svg { get; init; }

    /// <summary>File of the effects of all edges, .csv or .jsonl; null for none.</summary>
    public string? EdgesOut { get; init; }

    /// <summary>Whether effects of each position are wanted.</summary>
    internal bool ByPosition => By == "position";

    /// <summary>Checks everything that can be checked before the weights are read.</summary>
    /// <exception cref="UserException">An option does not fit the pairs or the model.</exception>
    internal MetricKind Check(ContrastData data)
    {
        var graph = new CircuitGraph(data.Config);
        Require(IgSteps is >= 0 and <= MostSteps, nameof(IgSteps), IgSteps, $"0 to {MostSteps}");
        Require(Edges is null || (Edges >= 1 && Edges <= graph.Edges), nameof(Edges), Edges,
            $"1 to {graph.Edges}, the model's edges");
        Require(Threshold is null || Threshold > 0, nameof(Threshold), Threshold, "a number above 0");
        Require(Top >= 1 && Top < graph.Writers.Count, nameof(Top), Top,
            $"1 to {graph.Writers.Count - 1}, the model's heads and feed-forward blocks");
        Require(BatchRows is >= 0 and <= 1 << 20, nameof(BatchRows), BatchRows, "0 or more");
        if (Edges is not null && Threshold is not null)
            throw new UserException($"{Field.Of(nameof(Edges))} and {Field.Of(nameof(Threshold))}; expected "
                + "one of them");
        Require(By is null or "node" or "position", nameof(By), Quoted.Name(By ?? ""), "node or position");
        if (FromEnd && !ByPosition)
            throw new UserException($"{Field.Of(nameof(FromEnd))} without {Field.Of(nameof(By))} position; "
                + "leave it out");
        MetricKind kind = Metric is { } named ? MetricWords.Parse(named, nameof(Metric)) : data.UsualMetric();
        foreach (ContrastPair pair in data.Pairs)
            CheckPair(pair, kind, data.Config);
        if (ByPosition && !FromEnd)
            data.RequireOneLength(nameof(FromEnd), "effects by node");
        OutputFile.RequireEnding(EdgesOut, nameof(EdgesOut), ".csv", ".jsonl");
        OutputFile.RequireEnding(Svg, nameof(Svg), ".svg");
        foreach (string? output in (string?[])[Out, Svg, EdgesOut])
            if (output is not null)
                OutputFile.Require(output);
        return kind;
    }

    static void CheckPair(ContrastPair pair, MetricKind kind, ModelConfig config)
    {
        if (pair.RequireAligned().AsSpan().SequenceEqual(pair.Clean))
            throw new UserException($"{pair.Place}: the clean and the corrupted prompt are the same tokens; "
                + "expected prompts that differ");
        CheckAnswers(pair, kind, config);
    }

    /// <summary>Checks the answers of a pair against a metric and the vocabulary.</summary>
    /// <exception cref="UserException">One is missing or outside, or both are the same token.</exception>
    internal static void CheckAnswers(ContrastPair pair, MetricKind kind, ModelConfig config)
    {
        try
        {
            new AnswerMetric(kind, pair.Answer, pair.Wrong).Validate(config.VocabSize);
        }
        catch (UserException e)
        {
            throw new UserException($"{pair.Place}: {e.Message}", e);
        }
    }

    static void Require<T>(bool holds, string option, T value, string expected)
    {
        if (!holds)
            throw new UserException($"{Field.Of(option)} is {value}; expected {expected}");
    }
}
