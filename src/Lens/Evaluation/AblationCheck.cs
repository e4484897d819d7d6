using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>How the ablation check is made.</summary>
public sealed record AblationOptions
{
    /// <summary>Prompts, from the first.</summary>
    public required int Prompts { get; init; }

    /// <summary>A head's results become their mean over the prompt's positions, rather than zero.</summary>
    public bool ToMean { get; init; }

    /// <summary>Draws the other heads and the bootstrap.</summary>
    public ulong Seed { get; init; }

    /// <summary>Rows of a forward pass.</summary>
    public int BatchRows { get; init; } = 8;
}

/// <summary>A head of a model.</summary>
public readonly record struct HeadPlace(int Layer, int Head);

/// <summary>The head a lens calls responsible beside another one, over prompts.</summary>
/// <param name="OtherChange">Mean change of log p(answer) when the other head is removed, nats.</param>
/// <param name="Difference">Mean of what the responsible head's removal changes, less what the other's
/// does.</param>
/// <param name="Interval">Of that mean, by a bootstrap over prompts, 95 %.</param>
/// <param name="LowersMore">Share of prompts where the responsible head's removal lowers log p more.</param>
public sealed record AblationContrast(
    double OtherChange, double Difference, Interval Interval, double LowersMore);

/// <summary>Whether the heads that a lens calls responsible are.</summary>
/// <param name="Change">Mean change of log p(answer) when they are removed, nats.</param>
/// <param name="Random">Beside one drawn from all other heads.</param>
/// <param name="SameLayer">Beside one drawn from its layer's other heads; null where it has none.</param>
/// <param name="Responsible">The heads, one a prompt.</param>
public sealed record AblationOutcome(double Change, AblationContrast Random, AblationContrast? SameLayer,
    IReadOnlyList<HeadPlace> Responsible);

/// <summary>The check of a lens, and of the logit lens on the same prompts.</summary>
/// <param name="Prompts">How many.</param>
/// <param name="Lens">Heads chosen by the lens.</param>
/// <param name="LogitLens">Heads chosen by the logit lens; null where that is the lens.</param>
public sealed record AblationResult(int Prompts, AblationOutcome Lens, AblationOutcome? LogitLens);

/// <summary>
/// Does removing the head that a lens calls responsible for an answer change the answer more than removing
/// another does? The answer is the model's most probable token at the last position; responsible is the head
/// whose lens logit for it, less that head's mean over the vocabulary, is largest.
/// </summary>
/// <remarks>Every prompt of a batch has its own head removed, so a batch is one pass.</remarks>
public static class AblationCheck
{
    const ulong HeadStream = 0x68656164, BootstrapStream = 0x626F6F74; // apart from a run's other draws

    /// <summary>Runs the check.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">Its lens.</param>
    /// <param name="layers">Layers whose heads may be responsible.</param>
    /// <param name="rows">Prompts, the first of which are taken.</param>
    /// <param name="options">How.</param>
    /// <exception cref="UserException">The lens reads no heads, there is one head alone, or a prompt does not
    /// fit.</exception>
    public static AblationResult Run(LanguageModel model, LensSource source, IReadOnlyList<int> layers,
        IReadOnlyList<IReadOnlyList<int>> rows, AblationOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(options);
        int H = model.Config.Heads;
        RequireUsable(source, layers, H);
        IReadOnlyList<int>[] prompts = [.. LensEvaluation.Usable(rows).Take(options.Prompts)];
        LensReadings read = LensReadings.OfLastTokens(model, source,
            new LensRequest(layers, [.. Enumerable.Range(0, H)], Top: 1), prompts);
        int[] answers = [.. read.Model.Select(words => words[0].Id)];
        using var removal = new Removal(model, prompts, answers, options);
        double[] before = removal.LogP(null);
        AblationOutcome Of(IReadOnlyList<LayerReading> by)
            => Outcome(Responsible(by, prompts.Length), layers, H, removal, before, options);
        return new(prompts.Length, Of(read.Learned), source.IsBaseline ? null : Of(read.Baseline));
    }

    /// <summary>Says what stands against a check, before any weights are read.</summary>
    /// <exception cref="UserException">The lens reads no heads, or there is one head alone.</exception>
    public static void RequireUsable(LensSource source, IReadOnlyList<int> layers, int H)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(layers);
        if (!source.ReadsHeads)
            throw new UserException(
                "a tuned lens reads the residual stream: it calls no head responsible; leave the check out");
        if (layers.Count * H < 2)
            throw new UserException("one head alone has no other to be held against; expected more layers");
    }

    static HeadPlace[] Responsible(IReadOnlyList<LayerReading> layers, int prompts)
        => [.. Enumerable.Range(0, prompts).Select(i => layers
            .SelectMany(l => l.Heads.Select(h => (Place: new HeadPlace(l.Layer, h.Head),
                h.Words[i].CenteredLogit)))
            .MaxBy(h => h.CenteredLogit).Place)]; // the first of equals

    static AblationOutcome Outcome(HeadPlace[] responsible, IReadOnlyList<int> layers, int H, Removal removal,
        double[] before, AblationOptions options)
    {
        double[] Change(IReadOnlyList<HeadPlace> heads)
            => [.. removal.LogP(heads).Zip(before, (after, was) => after - was)];
        HeadPlace[] all =
            [.. layers.SelectMany(l => Enumerable.Range(0, H).Select(h => new HeadPlace(l, h)))];
        HeadPlace[] Others(ulong stream, Func<HeadPlace, HeadPlace, bool> may) => [.. responsible.Select(
            (own, i) =>
            {
                HeadPlace[] from = [.. all.Where(other => other != own && may(own, other))];
                return from[new SeededRandom(options.Seed, stream + (ulong)i).Next(from.Length)];
            })];
        double[] change = Change(responsible);
        AblationContrast Beside(HeadPlace[] others, ulong stream) => Contrast(change, Change(others),
            new SeededRandom(options.Seed, BootstrapStream + stream));
        return new(change.Average(), Beside(Others(HeadStream, (_, _) => true), 0),
            H < 2 ? null : Beside(Others(HeadStream << 32, (own, other) => own.Layer == other.Layer), 1),
            responsible);
    }

    /// <summary>Compares changes of the same prompts.</summary>
    internal static AblationContrast Contrast(double[] own, double[] other, SeededRandom random)
    {
        double[] difference = [.. own.Zip(other, (a, b) => a - b)];
        return new(other.Average(), difference.Average(),
            Bootstrap.Of(own.Length, drawn => drawn.Average(i => difference[i]), random),
            difference.Average(d => d < 0 ? 1.0 : 0));
    }

    // Prompts run again and again, each with a head of its own removed.
    sealed class Removal(
        LanguageModel model, IReadOnlyList<int>[] prompts, int[] answers,
            AblationOptions options) : IDisposable
    {
        readonly ModelSession _session = new(model, new SessionOptions
        {
            MaxRows = Math.Min(options.BatchRows, prompts.Length),
            MaxTokens = prompts.Max(p => p.Count),
            Logits = LogitsAt.Last,
        });

        /// <summary>[prompts] log p(answer); null removes nothing.</summary>
        internal double[] LogP(IReadOnlyList<HeadPlace>? removed)
        {
            var found = new List<double>(prompts.Length);
            int V = model.Config.VocabSize;
            foreach (IReadOnlyList<int>[] rows in prompts.Chunk(options.BatchRows))
            {
                int first = found.Count;
                using IDisposable edits = model.Attach(removed is null ? []
                    : rows.Select((_, b) => Remove(removed[first + b], b)));
                _session.Forward(new SequenceBatch(rows));
                float[] logits = _session.Logits.ToArray();
                for (int b = 0; b < rows.Length; b++)
                {
                    ReadOnlySpan<float> row = logits.AsSpan(b * V, V);
                    found.Add(row[answers[first + b]] - LogSumExp.Of(row));
                }
            }
            return [.. found];
        }

        public void Dispose() => _session.Dispose();

        Edit Remove(HeadPlace head, int row) => new()
        {
            Site = Site.Result(head.Layer),
            Operation = options.ToMean ? EditOperation.Mean : EditOperation.Zero,
            Head = head.Head, Rows = [row],
        };
    }
}
