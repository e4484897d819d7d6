using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapeInstabilityJob"/>.</summary>
public sealed record LandscapeInstabilityOptions
{
    /// <summary>JSON file of a training, as <c>train</c> takes it.</summary>
    public required string Config { get; init; }

    /// <summary>Steps at which two children part; empty for 0 and 1/16, 1/8, 1/4 and 1/2 of the
    /// run.</summary>
    public IReadOnlyList<int> At { get; init; } = [];

    /// <summary>Points of the line between two children.</summary>
    public int Points { get; init; } = 31;

    /// <summary>Largest instability of the error that counts as stable.</summary>
    public double Threshold { get; init; } = 0.02;

    /// <summary>Folder of the run; the same call goes on where it stopped.</summary>
    public required string Out { get; init; }
}

/// <summary>From which step on a training ends in one basin.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="Steps">Steps of the whole training.</param>
/// <param name="StableFrom">The first step asked for whose children stay below the threshold; null if none
/// does.</param>
/// <param name="Threshold">Of the error.</param>
/// <param name="Children">By step.</param>
public sealed record LandscapeInstabilityResult(
    string Out, int Steps, int? StableFrom, double Threshold, IReadOnlyList<InstabilityRow> Children);

/// <summary>Two children of a training.</summary>
/// <param name="Step">The step at which they parted.</param>
/// <param name="ErrorInstability">The highest error between them above the mean of theirs, 0 to 1.</param>
/// <param name="LossInstability">The same of the loss, nats.</param>
/// <param name="Points">The line between them.</param>
public sealed record InstabilityRow(
    int Step, double ErrorInstability, double LossInstability, IReadOnlyList<InstabilityLinePoint> Points);

/// <summary>A point of a line between two children.</summary>
/// <param name="Alpha">0 is the first child, 1 the second.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
public sealed record InstabilityLinePoint(double Alpha, double Loss, double Accuracy);

/// <summary>
/// Trains pairs of children that see rows in other orders from a step on, and measures the line between them.
/// </summary>
public static class LandscapeInstabilityJob
{
    const string Rows = "instability.jsonl";
    const string ParentState = "parent.state.safetensors"; // TrainingBranches writes it before any child
    const ulong OrderStream = 0x6368696C_64000000; // seeds of the children's orders

    static readonly string[] s_children = ["a", "b"];

    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">Config or options do not fit, or the folder belongs to another
    /// call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; its state is saved.</exception>
    public static LandscapeInstabilityResult Run(LandscapeInstabilityOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Points < 2)
            throw new UserException(
                $"{Field.Of(nameof(options.Points))} is {options.Points}; expected at least 2");
        if (!(options.Threshold > 0 && options.Threshold <= 1))
            throw new UserException($"{Field.Of(nameof(options.Threshold))} is {options.Threshold}; expected "
                + "more than 0 and at most 1");
        TrainingConfig config = TrainingConfig.Read(options.Config);
        if (context.GivenSeed is { } given)
            config = config with { Seed = given };
        RunFolder.RequirePlace(options.Out, RunFolder.ManifestFile, "an instability");
        using ComputeDevice device = context.OpenDevice();
        TrainingTexts texts = TrainingTexts.Load(config, AtlasCorpus.ShippedDocuments, context.Say);
        var branches = new TrainingBranches(device, config, texts, options.Out,
            at => context.Progress?.Invoke(new JobProgress(
                $"training {at.Name}", (double)at.Step / at.Steps, $"loss {at.Loss:0.000}")),
            context.Cancel);
        int[] steps = Steps(options, branches.Steps);
        IReadOnlyList<int[]> measured = Measured(config, texts.Validation ?? texts.Train);
        Manifest call = Call(options, config, texts, steps, device);
        using RunFolder run = RunFolder.Open(options.Out, call, RunFolder.ManifestFile,
            [Rows, ParentState], free: ["threshold"]);
        run.Start(call);
        List<Instability> all = [];
        using (JsonlWriter rows = run.Rows(Rows))
        {
            all.AddRange(MeasureFiles.ReadRows<InstabilityRow>(run.At(Rows)).Select(r => new Instability(
                r.Step, r.ErrorInstability, r.LossInstability,
                [.. r.Points.Select(p => new InstabilityPoint(p.Alpha, p.Loss, p.Accuracy))])));
            foreach (int step in steps.Skip(all.Count))
            {
                string[] children = [.. s_children.Select((name, i) => branches.Train(
                    step, $"step-{step}-{name}", Order(config.Seed, i)))];
                Instability found = Measure(options, context, device, measured, step, children);
                rows.Write(Row(found));
                rows.Flush();
                all.Add(found);
                branches.Forget(step);
            }
        }
        var result = new LandscapeInstabilityResult(options.Out, branches.Steps,
            Instability.FirstStable(all, options.Threshold), options.Threshold, [.. all.Select(Row)]);
        MeasureFiles.WriteCsv(run.At("instability.csv"), "step,error_instability,loss_instability",
            result.Children.Select(c =>
                (IReadOnlyList<object?>)[c.Step, c.ErrorInstability, c.LossInstability]));
        MeasureFiles.WriteNpy(run.At("lines.npy"), [all.Count, options.Points, 3],
            all.SelectMany(i => i.Points).SelectMany(p => (double[])[p.Alpha, p.Loss, p.Accuracy]));
        AtomicFile.WriteText(run.At("instability.svg"), InstabilityReport.BySteps(result) + "\n");
        InstabilityReport.Page(result).Save(run.At(MeasureFiles.Page));
        branches.Forget();
        run.Finish();
        return result;
    }

    static ulong Order(ulong seed, int child)
        => new SeededRandom(seed, OrderStream + (ulong)child).NextUInt64();

    static int[] Steps(LandscapeInstabilityOptions options, int all)
    {
        int[] steps = options.At.Count == 0 ? [0, all / 16, all / 8, all / 4, all / 2] : [.. options.At];
        foreach (int step in steps)
            if (step < 0 || step > all)
                throw new UserException($"{Field.Of(nameof(options.At))} is {step}; expected 0 to {all}, the "
                    + "steps of the training");
        return [.. steps.Distinct().Order()];
    }

    static Instability Measure(LandscapeInstabilityOptions options, JobContext context, ComputeDevice device,
        IReadOnlyList<int[]> texts, int step, string[] children)
    {
        using var space = new WeightSpace(device, children[0]);
        (FlatParameters a, FlatParameters b) = (space.Keep(), space.Read(children[1]));
        int window = space.Model.Config.ContextLength;
        using var evaluator = new TextEvaluator(space.Model, texts, window, window);
        List<InstabilityPoint> points = [];
        for (int i = 0; i < options.Points; i++)
        {
            double alpha = (double)i / (options.Points - 1);
            LossLine.MoveTo(space, a, b, alpha);
            TextScore score = evaluator.Score();
            points.Add(new InstabilityPoint(alpha, score.Loss, score.Accuracy));
            context.Report($"line of step {step}", (i + 1.0) / options.Points);
        }
        return Instability.Of(step, points);
    }

    // As the training sees them: document by document, or in windows over all of them.
    static IReadOnlyList<int[]> Measured(TrainingConfig config, TokenDataset data)
        => config.Rows != TokenRows.PerDocument ? [data.Tokens.ToArray()]
            : [.. Enumerable.Range(0, data.DocumentCount).Select(d => (int[])[
                .. config.Texts.Bos ? (int[])[data.EndOfText] : [], .. data.Document(d), data.EndOfText])];

    static InstabilityRow Row(Instability i) => new(i.Step, i.ErrorInstability, i.LossInstability,
        [.. i.Points.Select(p => new InstabilityLinePoint(p.Alpha, p.Loss, p.Accuracy))]);

    // The line is measured on the validation texts, where there are some.
    static string DataHash(TrainingTexts texts) => texts.Validation is { } validation
        ? $"{texts.Train.Hash} {validation.Hash}" : texts.Train.Hash;

    static Manifest Call(LandscapeInstabilityOptions options, TrainingConfig config, TrainingTexts texts,
        int[] steps, ComputeDevice device) => new()
    {
        Command = "landscape instability", Seed = config.Seed, DataHash = DataHash(texts),
        ModelHash = config.Model.From is { } from ? ModelFolder.Hash(from) : null,
        Device = device.Name, Precision = device.Precision.ManifestName(),
        Options = new JsonObject
        {
            ["config"] = config.ToJson(), ["at"] = new JsonArray([.. steps.Select(s => JsonValue.Create(s))]),
            ["points"] = options.Points, ["threshold"] = options.Threshold,
        },
    };
}
