using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Measures loss and accuracy on the straight lines between models.</summary>
public static class LandscapeLineJob
{
    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together, a weight is not
    /// finite, there is nothing to predict, or the folder belongs to another call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LandscapeLineResult Run(LandscapeLineOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string[] models = [.. options.Model];
        if (models.Length < 2)
            throw new UserException($"{Counted.Of(models.Length, "model")}; expected two or more, between "
                + "which the lines run");
        if (options.Points is < 2 or > LossLine.MostPoints)
            throw new UserException($"{Field.Of(nameof(options.Points))} is {options.Points}; expected 2 to "
                + $"{LossLine.MostPoints}, the two ends among them");
        LandscapeTexts texts = options.Texts.Read(models[0], ModelFolder.ReadConfig(models[0]), context);
        LandscapeFolder.RequirePlace(options.Out);
        OneVocabulary.Require(models, "have a loss between them");
        foreach (string model in models)
            LoadedModel.RemarkOn(context, model);
        using ComputeDevice device = context.OpenDevice();
        using var space = new WeightSpace(device, models[0]);
        foreach (string model in models)
            space.RequireSameShape(model);
        FlatParameters[] at = [space.Keep(), .. models.Skip(1).Select(space.Read)];
        using var meter = new LandscapeMeter(space.Model, texts.Train, texts.Test, options.Texts.Context);
        using LandscapeFolder folder = LandscapeFolder.Open(options.Out, () => Call(options, texts, device));
        (int From, int To)[] pairs = [.. from a in Enumerable.Range(0, models.Length)
                                         from b in Enumerable.Range(a + 1, models.Length - a - 1)
                                         select (a, b)];
        double[] alphas = LossLine.Alphas(options.Points);
        Measure(space, at, meter, folder, pairs, alphas, options.Ensemble, context);
        LandscapeLineResult result =
            Result(models, folder.Values, pairs, alphas, options.Ensemble, meter.Tokens) with
        {
            Bos = texts.Bos,
        };
        if (options.Out is null)
            return result;
        string page = folder.At(MeasureFiles.Page);
        new LandscapeLineReport(result).Save(folder);
        folder.Finish();
        context.Remark?.Invoke(page);
        return result with { Page = page };
    }

    static void Measure(WeightSpace space, FlatParameters[] at, LandscapeMeter meter, LandscapeFolder folder,
        (int From, int To)[] pairs, double[] alphas, EnsembleRule? ensemble, JobContext context)
    {
        var watch = Stopwatch.StartNew();
        int[][] together = ensemble is null ? [] : Together(pairs, at.Length);
        int centroid = pairs.Length * alphas.Length, before = folder.Values.Count;
        int all = centroid + 1 + together.Length;
        for (int i = before; i < all; i++)
        {
            context.Report("measuring", (double)i / all, $"{i} of {all}");
            if (i > centroid)
            {
                int[] models = together[i - centroid - 1];
                folder.Add(models.Select((m, n) => ($"ensemble_{n}", (double)m)),
                    meter.Ensemble(space, [.. models.Select(m => at[m])], ensemble!.Value));
                continue;
            }
            if (i == centroid)
            {
                space.MoveTo([.. at.Select(x => (1.0 / at.Length, x))]);
                folder.Add([("centroid", at.Length)], meter.Measure());
                continue;
            }
            ((int from, int to), double alpha) = (pairs[i / alphas.Length], alphas[i % alphas.Length]);
            LossLine.MoveTo(space, at[from], at[to], alpha);
            folder.Add([("from", from), ("to", to), ("alpha", alpha)], meter.Measure());
        }
        context.Remark?.Invoke(before == all ? "complete already; nothing was computed"
            : $"{Counted.Of(all - before, "point")} in {watch.Elapsed.TotalSeconds:0.0} s, "
                + $"{(all - before) / watch.Elapsed.TotalSeconds:0.0} a second");
    }

    // The models of each ensemble: all of them, and with more than two each pair before that.
    static int[][] Together((int From, int To)[] pairs, int models)
        => [.. pairs.Length == 1 ? (int[][])[] : [.. pairs.Select(p => (int[])[p.From, p.To])],
            [.. Enumerable.Range(0, models)]];

    static LandscapeLineResult Result(string[] models, IReadOnlyList<LandscapeValue> values,
        (int From, int To)[] pairs, double[] alphas, EnsembleRule? ensemble, long tokens)
    {
        int centroid = pairs.Length * alphas.Length;
        LandscapeEnsemble[] together = ensemble is not { } rule ? []
            : [.. values.Skip(centroid + 1).Select(v => LandscapeEnsemble.Of(rule, v))];
        LandscapePair[] lines = [.. pairs.Select((pair, p) =>
        {
            LandscapeValue[] own = [.. values.Skip(p * alphas.Length).Take(alphas.Length)];
            LossBarrier barrier = LossBarrier.Of(alphas, [.. own.Select(v => v.Loss)]);
            return new LandscapePair(pair.From, pair.To, barrier.Height, barrier.Alpha,
                own[0].TestLoss is null ? null
                    : LossBarrier.Of(alphas, [.. own.Select(v => v.TestLoss!.Value)]).Height,
                [.. own.Zip(alphas, (v, alpha) => new LandscapeLinePoint(
                    alpha, v.Loss, v.Accuracy, v.TestLoss, v.TestAccuracy))])
            {
                Ensemble = together.Length == 0 ? null : together[p],
            };
        })];
        LandscapeValue centre = values[centroid];
        // The lines from the first model end at all others.
        double mean = lines.Where(l => l.From == 0).Select(l => l.Points[^1].Loss)
            .Append(lines[0].Points[0].Loss).Average();
        return new(lines[0].Points, lines[0].Barrier, lines[0].BarrierAlpha, lines[0].TestBarrier,
            new(centre.Loss, centre.Accuracy, mean, centre.Loss - mean, centre.TestLoss, centre.TestAccuracy),
            models, tokens)
        {
            Pairs = lines.Length > 1 ? lines : null,
            Ensemble = together.Length == 0 ? null : together[^1],
        };
    }

    static Manifest Call(LandscapeLineOptions options, LandscapeTexts texts, ComputeDevice device) => new()
    {
        Command = "landscape line",
        Options = LandscapeEnsemble.AddTo(options.Texts.AddTo(new JsonObject
        {
            ["models"] = new JsonArray([.. options.Model.Select(m => JsonValue.Create(m))]),
            ["points"] = options.Points,
        }, texts), options.Ensemble),
        ModelHash = string.Join(',', options.Model.Select(ModelFolder.Hash)),
        DataHash = FileHash.Sha256(options.Texts.Files),
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };
}
