using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Options of the ablation check.</summary>
public sealed record AblationOptions
{
    /// <summary>Number of prompts; the first ones of the texts are used.</summary>
    public required int Prompts { get; init; }

    /// <summary>
    /// Whether a removed head's results become their mean over the prompt's positions; false sets them to
    /// zero.
    /// </summary>
    public bool ToMean { get; init; }

    /// <summary>Seed for drawing the other heads and the bootstrap samples.</summary>
    public ulong Seed { get; init; }

    /// <summary>Rows per forward pass; at least 1.</summary>
    public int BatchRows { get; init; } = 8;
}

/// <summary>Compares removing the responsible head with removing another head, over prompts.</summary>
/// <param name="OtherChange">Mean change of log p(answer) when the other head is removed, nats.</param>
/// <param name="Difference">Mean over prompts of the responsible head's change minus the other head's change,
/// nats.</param>
/// <param name="Interval">95 % interval of <paramref name="Difference"/>, from a bootstrap over
/// prompts.</param>
/// <param name="LowersMore">Share of prompts where the responsible head's removal lowers log p more.</param>
public sealed record AblationContrast(
    double OtherChange, double Difference, Interval Interval, double LowersMore);

/// <summary>Effect of removing the heads that a lens calls responsible.</summary>
/// <param name="Change">Mean change of log p(answer) when the responsible head is removed, nats.</param>
/// <param name="Random">Comparison with one head drawn from all other heads.</param>
/// <param name="SameLayer">Comparison with one head drawn from the other heads of the same layer; null if the
/// model has one head per layer.</param>
/// <param name="Responsible">[prompts]: the responsible head for each prompt.</param>
public sealed record AblationOutcome(double Change, AblationContrast Random, AblationContrast? SameLayer,
    IReadOnlyList<HeadPlace> Responsible);

/// <summary>Results of the ablation check for a lens and for the logit lens on the same prompts.</summary>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Lens">Outcome for the heads that the lens chooses.</param>
/// <param name="LogitLens">Outcome for the heads that the logit lens chooses; null if the lens is the logit
/// lens.</param>
public sealed record AblationResult(int Prompts, AblationOutcome Lens, AblationOutcome? LogitLens);

/// <summary>
/// Tests whether removing the head that a lens calls responsible for an answer changes the answer more than
/// removing another head does. The answer is the model's most probable token at the last position. The
/// responsible head is the one whose lens logit for the answer, minus that head's mean over the vocabulary,
/// is largest.
/// </summary>
/// <remarks>Each prompt of a batch has its own head removed, so a batch needs one forward pass.</remarks>
public static class AblationCheck
{
    const ulong HeadStream = 0x68656164, BootstrapStream = 0x626F6F74; // apart from other draws

    /// <summary>Runs the check on prompts.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="source">Source of the model's lens.</param>
    /// <param name="layers">Layers whose heads may be called responsible.</param>
    /// <param name="rows">Token ids of the prompts; empty rows are left out.</param>
    /// <param name="options">Number of prompts, kind of removal, seed and batch size.</param>
    /// <exception cref="UserException">The lens reads no heads, there is only one head, or a prompt does not
    /// fit the model.</exception>
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
        using var removal = new HeadRemoval(model, prompts.Max(p => p.Count), new HeadRemovalOptions
        {
            ToMean = options.ToMean, Rows = Math.Min(options.BatchRows, prompts.Length),
        });
        double[] LogP(IReadOnlyList<HeadPlace>? removed) => removal.LogP(prompts, answers, removed);
        double[] before = LogP(null);
        AblationOutcome Of(IReadOnlyList<LayerReading> by)
            => Outcome(Responsible(by, prompts.Length), layers, H, LogP, before, options);
        return new(prompts.Length, Of(read.Learned), source.IsBaseline ? null : Of(read.Baseline));
    }

    /// <summary>Checks, before any weights are read, that a lens and layers can be used.</summary>
    /// <exception cref="UserException">The lens reads no heads, or there is only one head.</exception>
    public static void RequireUsable(LensSource source, IReadOnlyList<int> layers, int H)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(layers);
        if (!source.ReadsHeads)
            throw new UserException(
                "this lens reads the residual stream: it calls no head responsible; leave the check out");
        if (layers.Count * H < 2)
            throw new UserException("one head alone has no other to be held against; expected more layers");
    }

    static HeadPlace[] Responsible(IReadOnlyList<LayerReading> layers, int prompts)
        => [.. Enumerable.Range(0, prompts).Select(i => layers
            .SelectMany(l => l.Heads.Select(h => (Place: new HeadPlace(l.Layer, h.Head),
                h.Words[i].CenteredLogit)))
            .MaxBy(h => h.CenteredLogit).Place)]; // ties go to the first head

    static AblationOutcome Outcome(HeadPlace[] responsible, IReadOnlyList<int> layers, int H,
        Func<IReadOnlyList<HeadPlace>?, double[]> logP, double[] before, AblationOptions options)
    {
        double[] Change(IReadOnlyList<HeadPlace> heads)
            => [.. logP(heads).Zip(before, (after, was) => after - was)];
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

    /// <summary>Compares the changes of two heads on the same prompts.</summary>
    internal static AblationContrast Contrast(double[] own, double[] other, SeededRandom random)
    {
        double[] difference = [.. own.Zip(other, (a, b) => a - b)];
        return new(other.Average(), difference.Average(),
            Bootstrap.Of(own.Length, drawn => drawn.Average(i => difference[i]), random),
            difference.Average(d => d < 0 ? 1.0 : 0));
    }
}
