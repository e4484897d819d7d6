using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensTrainJob"/> that belong to the kind jacobian.</summary>
public sealed record JacobianRequest
{
    /// <summary>The stream that is read: resid_mid, with all heads of a layer, or resid_post; null for
    /// resid_post.</summary>
    public string? Sites { get; init; }

    /// <summary>Largest number of prompts; 0 for all of the texts.</summary>
    public int Prompts { get; init; }

    /// <summary>
    /// Mean step of the result, over 10 prompts, below which the fit ends after 100 prompts or more; 0 for no
    /// such end.
    /// </summary>
    public double Tolerance { get; init; }

    internal JacobianSite Site() => Sites switch
    {
        "resid_mid" => JacobianSite.ResidMid,
        null or "resid_post" => JacobianSite.ResidPost,
        _ => throw new UserException($"{Field.Of(nameof(Sites))} is {Quoted.Name(Sites)}; expected resid_mid "
            + "or resid_post"),
    };

    /// <summary>Refuses these options beside another kind.</summary>
    /// <exception cref="UserException">One is given.</exception>
    internal void RequireNone()
    {
        if (this != new JacobianRequest())
            throw new UserException($"{Field.Of(nameof(Sites))}, {Field.Of(nameof(Prompts))} and "
                + $"{Field.Of(nameof(Tolerance))} belong to {Field.Of(nameof(LensTrainOptions.Kind))} "
                + $"{JacobianTrainJob.Kind}; leave them out");
    }
}

/// <summary>Fits Jacobian lenses: <see cref="LensTrainJob"/> for the kind jacobian.</summary>
static class JacobianTrainJob
{
    /// <summary>Name of the kind in options.</summary>
    internal const string Kind = "jacobian";

    const int RemarkEvery = 10; // prompts

    /// <summary>Runs the job. A cancelled job saves a checkpoint and returns.</summary>
    /// <exception cref="UserException">An option does not fit the model, or the texts or the folder cannot be
    /// used.</exception>
    internal static LensTrainResult Run(LensTrainOptions options, ModelConfig config, JobContext context)
    {
        RequireOwn(options);
        string output = options.Out
            ?? throw new UserException($"no folder for the lenses; expected {Field.Of(nameof(options.Out))}");
        ModelText text = ModelText.Open(options.Model, config, options.Texts.Rules, context);
        JacobianFitOptions fit = new JacobianFitOptions
        {
            Site = options.Jacobian.Site(), Positions = Positions(options.Positions),
            BatchRows = options.BatchRows, TokensPerRow = options.TokensPerRow,
            Prompts = options.Jacobian.Prompts, Tolerance = options.Jacobian.Tolerance, Bos = text.Bos,
        }.Validated(config);
        int[] layers = options.Layers == "all"
            ? [.. Enumerable.Range(0, fit.Site.Layers(config))] : options.LayersOf(config);
        RunFolder.RequireFree(output);
        AtomicFile.RequireWritable(Path.Combine(output, LensFolder.WeightsFile));
        if (options.Texts.Batch is { } batch)
            RequireLong(batch, text, fit.Positions);
        DocumentSource texts = options.Texts.Read(text);
        text.RemarkWithout([texts.Read(0).ToArray()]);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        bool stepped = false;
        JacobianFitResult result = JacobianFit.Run(loaded.Model, ModelFolder.Hash(options.Model), layers, fit,
            texts, output, new JacobianFitRun
            {
                Stop = context.Cancel,
                Progress = at =>
                {
                    stepped = true;
                    Report(context, at, fit.Prompts > 0 ? fit.Prompts : texts.Count);
                },
            });
        if (result.Complete && !stepped)
            context.Remark?.Invoke("complete already; nothing was fitted");
        if (result.Short > 0)
            context.Remark?.Invoke($"{Counted.Of(result.Short, "row")} had fewer than "
                + $"{fit.Positions.FewestTokens()} tokens and no valid position");
        return new() { Trained = Trained(result, fit.Site) with { Bos = text.Bos } };
    }

    static JacobianPositions Positions(string? word) => word switch
    {
        "all" => JacobianPositions.All,
        null or "published" => JacobianPositions.Published,
        _ => throw new UserException($"{Field.Of(nameof(LensTrainOptions.Positions))} is "
            + $"{Quoted.Name(word)}; expected all or published"),
    };

    // Options of a training that a fit would pass over in silence.
    static void RequireOwn(LensTrainOptions options)
    {
        var usual = new LensTrainOptions { Model = options.Model };
        (string Name, bool Given)[] foreign =
        [
            (nameof(options.Rank), options.Rank is not null),
            (nameof(options.Init), options.Init != usual.Init || options.InitLens is not null),
            (nameof(options.Bias), options.Bias is not null),
            (nameof(options.Ablation), options.Ablation is not null),
            (nameof(options.AblationShare), options.AblationShare is not null),
            (nameof(options.Steps), options.Steps != usual.Steps),
            (nameof(options.Accumulation), options.Accumulation != usual.Accumulation),
            (nameof(options.LearningRate), options.LearningRate != usual.LearningRate),
            (nameof(options.WeightDecay), options.WeightDecay != usual.WeightDecay),
            (nameof(options.Schedule), options.Schedule != usual.Schedule),
            (nameof(options.WarmupSteps), options.WarmupSteps != usual.WarmupSteps),
            (nameof(options.Clip), options.Clip != usual.Clip),
            (nameof(options.Moments), options.Moments != usual.Moments),
            (nameof(options.ValidationShare), options.ValidationShare != usual.ValidationShare),
            (nameof(options.LayersAtOnce), options.LayersAtOnce != usual.LayersAtOnce),
            (nameof(options.Plan), options.Plan || options.PlanMemory is not null),
        ];
        if (foreign.FirstOrDefault(o => o.Given).Name is { } name)
            throw new UserException($"{Field.Of(name)} belongs to lenses that are trained, and a Jacobian "
                + "lens is fitted without training; leave it out");
    }

    static void RequireLong(string batch, ModelText text, JacobianPositions positions)
    {
        foreach ((int i, int[] row) in text.Batch(batch).Index())
            if (BeginOfText.Before(row, text.Bos).Length is var length && length < positions.FewestTokens())
                throw new UserException($"{Quoted.Path(batch)}: row {i} has "
                    + $"{Counted.Of(length, "token")}; {Field.Of(nameof(LensTrainOptions.Positions))} "
                    + $"{positions.Word()} needs {positions.FewestTokens()}"
                    + (positions == JacobianPositions.All ? "" : "; expected longer rows, or all"));
    }

    // JobContext.Report throws on cancellation, and the fit must write its checkpoint first.
    static void Report(JobContext context, JacobianFitProgress at, int of)
    {
        string line = (at.Delta is { } delta ? $"delta {delta:0.0000}, " : "")
            + $"{at.FromIdentity:0.000} from the identity";
        context.Progress?.Invoke(new JobProgress("fitting Jacobians", Math.Min(1, (double)at.Prompts / of),
            line));
        if (context.Progress is null && at.Prompts % RemarkEvery == 0)
            context.Remark?.Invoke($"prompt {at.Prompts}: {line}, {at.Elapsed:hh\\:mm\\:ss}");
    }

    static LensTrainedResult Trained(JacobianFitResult result, JacobianSite site)
        => new(result.Complete, result.Elapsed.TotalSeconds, result.Facts is not { } facts ? []
            : [.. facts.Layers.Select((layer, i) => new TrainedLayer(layer, facts.Steps[i], null, null))])
        {
            Site = site.Word(), Prompts = result.Facts?.Steps[0] ?? 0, Delta = result.Delta,
        };
}
