using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapeVectorsJob"/>.</summary>
public sealed record LandscapeVectorsOptions
{
    /// <summary>Folder of the model that the others were trained from.</summary>
    public required string Base { get; init; }

    /// <summary>Folders of the models, named A, B, C ... in this order; at most 26.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Texts whose loss is measured; none given for the weights alone.</summary>
    public TextOrBatchRequest Text { get; init; } = new();

    /// <summary>Three letters of models with commas between them, A,B,C for A + B - C; each is
    /// measured.</summary>
    public IReadOnlyList<string> Analogy { get; init; } = [];

    /// <summary>Factors of every sum; 1 unless given.</summary>
    public IReadOnlyList<double> Lambda { get; init; } = [];

    /// <summary>A new folder for tables, picture and page; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>Measures the task vectors of models, and the loss of their sums.</summary>
public static class LandscapeVectorsJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The models do not fit together, a number of one is not finite, or an
    /// option does not fit.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; nothing is left.</exception>
    public static LandscapeVectorsResult Run(LandscapeVectorsOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        int models = options.Model.Count;
        VectorSum[] analogies = Check(options);
        if (options.Out is { } place)
            AtomicFolder.RequireNew(place);
        using var set = new TaskVectorSet(options.Base, options.Model);
        IReadOnlyList<int[]>? texts = null;
        if (options.Text.IsGiven)
        {
            OneVocabulary.Require([options.Base, .. options.Model], "have a loss between them");
            texts = options.Text.Read(options.Base, context);
        }
        IReadOnlyList<TensorGeometry> tensors =
            set.Measure(share => context.Report("reading", share), context.Cancel);
        VectorGeometry all = set.InAll(tensors);
        for (int m = 0; m < models; m++)
            if (all.Norm(m) == 0)
                context.Remark?.Invoke($"{VectorSum.Letter(m)} ({Quoted.Path(options.Model[m])}) has the "
                    + "base's weights: its task vector is 0 and has no direction, so its cosines are null");
        IReadOnlyList<VectorPoint> points = texts is null ? []
            : Points(options, set, [.. VectorSum.Usual(models), .. analogies], texts, context);
        var result = new LandscapeVectorsResult(options.Base,
            [.. options.Model.Select((folder, m) =>
                new VectorModel(VectorSum.Letter(m), folder, ModelFolder.Hash(folder)))],
            VectorMeasures.Of(null, all, models),
            [.. tensors.Select(t => VectorMeasures.Of(t.Name, t.Geometry, models))], points);
        if (options.Out is { } folder)
            AtomicFolder.Write(folder, into => Write(into, result, options, texts));
        return result;
    }

    const double MostLambda = 1000;

    static VectorSum[] Check(LandscapeVectorsOptions options)
    {
        int models = options.Model.Count;
        if (models is 0 or > VectorSum.MostModels)
            throw new UserException($"{Field.Of(nameof(options.Model))} names "
                + $"{Counted.Of(models, "model")}; expected 1 "
                + $"to {VectorSum.MostModels} models");
        string? idle = options.Text.IsGiven ? null
            : options.Analogy.Count > 0 ? nameof(options.Analogy)
            : options.Lambda.Count > 0 ? nameof(options.Lambda) : null;
        if (idle is not null)
            throw new UserException($"{Field.Of(idle)} needs texts; give {Field.Of("TextFile")} or "
                + Field.Of("Batch"));
        foreach (double lambda in options.Lambda)
            if (!(Math.Abs(lambda) <= MostLambda))
                throw new UserException($"{Field.Of(nameof(options.Lambda))} is {lambda}; expected "
                    + $"-{MostLambda} to {MostLambda}");
        return [.. options.Analogy.Select(a => VectorSum.Analogy(a, models, nameof(options.Analogy)))];
    }

    static List<VectorPoint> Points(LandscapeVectorsOptions options, TaskVectorSet set,
        IReadOnlyList<VectorSum> sums, IReadOnlyList<int[]> texts, JobContext context)
    {
        using ComputeDevice device = context.OpenDevice();
        using var model = new LanguageModel(device, ModelFolder.ReadConfig(options.Base));
        int window = model.Config.ContextLength;
        using var evaluator = new TextEvaluator(model, texts, window, window);
        double[] lambdas = options.Lambda.Count > 0 ? [.. options.Lambda.Distinct()] : [1];
        List<VectorPoint> points = [];
        Add("0", 0, new double[set.Models]);
        foreach (VectorSum sum in sums)
            foreach (double lambda in lambdas)
                Add(sum.Name, lambda, [.. sum.Signs.Select(s => s * lambda)]);
        return points;

        void Add(string name, double lambda, double[] shares)
        {
            set.Write(shares, model);
            TextScore score = evaluator.Score();
            points.Add(new VectorPoint(name, lambda, score.Loss, score.Accuracy));
            context.Report("evaluating", (double)points.Count / (1 + sums.Count * lambdas.Length), name);
        }
    }

    static void Write(string into, LandscapeVectorsResult result, LandscapeVectorsOptions options,
        IReadOnlyList<int[]>? texts)
    {
        string At(string name) => Path.Combine(into, name);
        MeasureFiles.WriteRows(At("tensors.jsonl"), result.Tensors);
        MeasureFiles.WriteRows(At("points.jsonl"), result.Points);
        int[] all = [.. Enumerable.Range(0, result.Models.Count)];
        (int A, int B)[] pairs = [.. all.SelectMany(a => all.Where(b => b > a).Select(b => (a, b)))];
        string Names(string of) => string.Concat(pairs.Select(p =>
            $",{of}_{VectorSum.Letter(p.A)}_{VectorSum.Letter(p.B)}"));
        MeasureFiles.WriteCsv(At("tensors.csv"), "tensor,numbers,sign_conflicts"
            + string.Concat(result.Models.Select(m => $",norm_{m.Name}")) + Names("cosine")
            + Names("sign_conflicts"), result.Tensors.Append(result.All with { Tensor = "all" }).Select(t =>
                (IReadOnlyList<object?>)[t.Tensor, t.Numbers, t.SignConflicts, .. t.Norms.Cast<object?>(),
                    .. pairs.Select(p => (object?)t.Cosines[p.A][p.B]),
                    .. pairs.Select(p => (object?)t.PairSignConflicts[p.A][p.B])]));
        MeasureFiles.WriteCsv(At("points.csv"), "sum,lambda,loss,accuracy", result.Points.Select(p =>
            (IReadOnlyList<object?>)[p.Sum, p.Lambda, p.Loss, p.Accuracy]));
        // [tensors, then all][models][models]; NaN where a task vector is 0.
        MeasureFiles.WriteNpy(At("cosines.npy"), [result.Tensors.Count + 1, all.Length, all.Length],
            result.Tensors.Append(result.All).SelectMany(t => t.Cosines)
                .SelectMany(row => row.Select(c => c ?? double.NaN)));
        AtomicFile.WriteText(At("cosines.svg"), VectorsReport.Cosines(result) + "\n");
        VectorsReport.Page(result).Save(At(MeasureFiles.Page));
        new Manifest
        {
            Command = "landscape vectors", ModelHash = ModelFolder.Hash(options.Base),
            DataHash = texts is null ? null : TextOrBatchRequest.HashOf(texts),
            Options = new JsonObject
            {
                ["base"] = options.Base,
                ["models"] = new JsonArray([.. result.Models.Select(m => (JsonNode)new JsonObject
                    { ["folder"] = m.Folder, ["model_hash"] = m.ModelHash })]),
                ["analogy"] = new JsonArray([.. options.Analogy.Select(a => JsonValue.Create(a))]),
                ["lambda"] = new JsonArray([.. options.Lambda.Select(l => JsonValue.Create(l))]),
            },
        }.Write(At(RunFolder.ManifestFile));
    }
}
