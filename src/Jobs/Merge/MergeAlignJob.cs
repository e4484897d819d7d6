using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="MergeAlignJob"/>.</summary>
public sealed record MergeAlignOptions
{
    /// <summary>Folders of A, which stays, and of B, which is moved.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>By what they are aligned: weights, activations or straight_through.</summary>
    public string By { get; init; } = "weights";

    /// <summary>What happens to the residual stream: order, rotation or none.</summary>
    public string Stream { get; init; } = "order";

    /// <summary>JSON file of texts: a list of lists of token ids, or of texts; or a text file.</summary>
    public string? Batch { get; init; }

    /// <summary>File of texts, as <c>eval</c> reads it; or a batch.</summary>
    public string? TextFile { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Number of places on the line between the models, both ends included.</summary>
    public int Points { get; init; } = 21;

    /// <summary>Whether the barrier is also measured with the units of each place rescaled.</summary>
    public bool Rescale { get; init; }

    /// <summary>Number of steps of straight-through learning; null for 50.</summary>
    public int? Steps { get; init; }

    /// <summary>Learning rate of straight-through learning; null for 1e-3.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Folder for A with folded LayerNorms, with a rotation; null for none.</summary>
    public string? Folded { get; init; }

    /// <summary>Folder for B in A's order.</summary>
    public required string Out { get; init; }
}

/// <summary>The alignment of two models.</summary>
/// <param name="Out">Folder of B in A's order.</param>
/// <param name="ModelHash">Its hash.</param>
/// <param name="By">By what the models were aligned.</param>
/// <param name="Stream">What happened to the residual stream.</param>
/// <param name="LossA">Mean cross-entropy of A, nats.</param>
/// <param name="LossB">Mean cross-entropy of B as it was, nats.</param>
/// <param name="LossOut">Mean cross-entropy of B in A's order, nats.</param>
/// <param name="BarrierBefore">Barrier between A and B as it was, nats.</param>
/// <param name="BarrierAfter">Barrier between A and B in A's order, nats.</param>
/// <param name="BarrierRescaled">The same with rescaled units; null if not asked for.</param>
/// <param name="StreamMoved">Share of the channels of the residual stream that were moved, 0 to 1; null for a
/// rotation.</param>
/// <param name="Layers">Shares of the units that were moved, by layer.</param>
/// <param name="Tokens">Number of predicted tokens.</param>
/// <param name="Points">Number of places on the line.</param>
/// <param name="Seconds">Time of the call, seconds.</param>
public sealed record MergeAlignResult(string Out, string ModelHash, string By, string Stream, double LossA,
    double LossB, double LossOut, double BarrierBefore, double BarrierAfter, double? BarrierRescaled,
    double? StreamMoved, IReadOnlyList<LayerMoves> Layers, long Tokens, int Points, double Seconds);

/// <summary>Brings a model into another's order, and measures what that does to the barrier.</summary>
public static class MergeAlignJob
{
    /// <summary>The words for what models are aligned by.</summary>
    internal static IReadOnlyList<(string Name, AlignmentBy By)> Kinds { get; } =
    [
        ("weights", AlignmentBy.Weights), ("activations", AlignmentBy.Activations),
        ("straight_through", AlignmentBy.StraightThrough),
    ];

    static readonly (string Name, StreamAlignment How)[] s_streams =
    [
        ("order", StreamAlignment.Order), ("rotation", StreamAlignment.Rotation),
        ("none", StreamAlignment.None),
    ];

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together, or a weight is not
    /// finite.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; nothing is left.</exception>
    public static MergeAlignResult Run(MergeAlignOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        var watch = Stopwatch.StartNew();
        AlignmentBy by = Choice(options.By, nameof(options.By), Kinds);
        StreamAlignment stream = Choice(options.Stream, nameof(options.Stream), s_streams);
        Require(options, by, stream);
        ModelConfig config = ModelFolder.ReadConfig(options.Model[0]);
        if (MergeRun.Misfit(options.Model[0], options.Model[1]) is { } problem)
            throw new UserException(problem);
        OneVocabulary.Require(options.Model, "have an order in common");
        IReadOnlyList<int[]> texts = AlignmentTexts.Read(options.Model[0], config, options.Batch,
            options.TextFile, options.Rules, context);
        DecoderWeights a = DecoderWeights.Read(options.Model[0]), b = DecoderWeights.Read(options.Model[1]);
        if (stream == StreamAlignment.Rotation)
            (a, b) = (ModelAlignment.Folded(a), ModelAlignment.Folded(b));
        using ComputeDevice device = context.OpenDevice();
        using var loss = new TextLoss(device, a.Config, texts, gradients: by == AlignmentBy.StraightThrough);
        float[] first = a.ToFlat();
        LineLosses before = Line(loss, first, b.ToFlat(), options.Points, "barrier before", context);
        for (int end = 0; end < 2; end++)
            if (!double.IsFinite(before.Losses[end == 0 ? 0 : ^1]))
                throw new UserException($"{Quoted.Path(options.Model[end])}: the loss on the texts is "
                    + $"{before.Losses[end == 0 ? 0 : ^1]}; expected a finite one");
        ModelAlignment alignment = ModelAlignment.Of(a, b, by, new AlignmentOptions { Stream = stream }, loss,
            Learning(options), share => context.Report("aligning", share));
        float[] aligned = alignment.Aligned.ToFlat();
        LineLosses after = Line(loss, first, aligned, options.Points, "barrier after", context);
        double? rescaled = null;
        if (options.Rescale)
            using (var repair = new Repair(loss, first, aligned))
                rescaled = Line(loss, first, aligned, options.Points, "barrier rescaled", context,
                    repair.Of).Height;
        Write(options, b.Config, aligned, context);
        if (options.Folded is { } folded)
            AtomicFolder.Write(folded, into => ModelFolder.Write(into, a.Config, first,
                tokenizerFrom: options.Model[0]));
        return new MergeAlignResult(options.Out, ModelFolder.Hash(options.Out), options.By, options.Stream,
            before.Losses[0], before.Losses[^1], after.Losses[^1], before.Height, after.Height, rescaled,
            alignment.StreamMoved, alignment.Layers, loss.Tokens, options.Points,
            watch.Elapsed.TotalSeconds);
    }

    static StraightThroughOptions Learning(MergeAlignOptions options)
    {
        var learning = new StraightThroughOptions();
        return learning with
        {
            Steps = options.Steps ?? learning.Steps,
            LearningRate = options.LearningRate ?? learning.LearningRate,
        };
    }

    static LineLosses Line(TextLoss loss, float[] a, float[] b, int points, string title, JobContext context,
        Func<double, float[], float[]>? at = null)
        => LineLosses.Between(loss, a, b, points, at, share => context.Report(title, share));

    static void Require(MergeAlignOptions options, AlignmentBy by, StreamAlignment stream)
    {
        if (options.Model.Count != 2)
            throw new UserException($"{Counted.Of(options.Model.Count, "model")}; expected "
                + $"{Field.Of(nameof(options.Model))} twice: the one that stays, and the one that is moved");
        if (RealPath.Comparer.Equals(RealPath.Of(options.Model[0]), RealPath.Of(options.Model[1])))
            throw new UserException($"{Quoted.Path(options.Model[1])}: is both models; expected two folders");
        if (options.Batch is null == options.TextFile is null)
            throw new UserException($"expected one of {Field.Of(nameof(options.Batch))} and "
                + $"{Field.Of(nameof(options.TextFile))}: texts that the barrier is measured on");
        options.Rules.RequireObeyed(options.TextFile, nameof(options.TextFile));
        if (options.Points < 3)
            throw new UserException($"{Field.Of(nameof(options.Points))} is {options.Points}; expected 3 or "
                + "more");
        if (by != AlignmentBy.StraightThrough && (options.Steps ?? options.LearningRate) is not null)
            throw new UserException($"{Field.Of(nameof(options.Steps))} and "
                + $"{Field.Of(nameof(options.LearningRate))} belong to straight_through; leave them out");
        if (options.Steps < 0)
            throw new UserException($"{Field.Of(nameof(options.Steps))} is {options.Steps}; expected 0 or "
                + "more");
        if (options.LearningRate is { } rate && !(rate > 0 && double.IsFinite(rate)))
            throw new UserException($"{Field.Of(nameof(options.LearningRate))} is {rate}; expected a number "
                + "above 0");
        if (options.Folded is not null && stream != StreamAlignment.Rotation)
            throw new UserException($"{Field.Of(nameof(options.Folded))} belongs to a rotation of the "
                + "stream; leave it out");
        AtomicFolder.RequireNew(options.Out);
        if (options.Folded is { } folded)
            AtomicFolder.RequireNew(folded);
    }

    /// <summary>What a word of an option stands for.</summary>
    /// <exception cref="UserException">It is none of them.</exception>
    internal static T Choice<T>(string given, string option, IEnumerable<(string Name, T Value)> choices)
    {
        (string Name, T Value)[] all = [.. choices];
        return all.Any(c => c.Name == given) ? all.First(c => c.Name == given).Value
            : throw new UserException($"{Field.Of(option)} is {Quoted.Name(given)}; expected "
                + string.Join(" or ", all.Select(c => c.Name))
                + NearestName.Hint(given, [.. all.Select(c => c.Name)]));
    }

    static void Write(MergeAlignOptions options, ModelConfig config, float[] aligned, JobContext context)
        => AtomicFolder.Write(options.Out, into =>
        {
            ModelFolder.Write(into, config, aligned, tokenizerFrom: options.Model[1]);
            new Manifest
            {
                Command = "merge align", Seed = context.Seed,
                Options = new JsonObject
                {
                    ["model"] = new JsonArray([.. options.Model.Select(m => JsonValue.Create(m))]),
                    ["model_hash"] = new JsonArray([.. options.Model.Select(m =>
                        JsonValue.Create(ModelFolder.Hash(m)))]),
                    ["by"] = options.By, ["stream"] = options.Stream,
                },
            }.Write(Path.Combine(into, "manifest.json"));
        });
}
