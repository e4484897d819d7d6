using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnRunJob"/>.</summary>
public sealed record UnlearnRunOptions
{
    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Name of the method, from <see cref="MethodCatalog"/>.</summary>
    public required string Method { get; init; }

    /// <summary>
    /// Share that may change, 0 to 1, of what the method counts. Required: if null, the error says what the
    /// method counts.
    /// </summary>
    public double? Budget { get; init; }

    /// <summary>Sequences to forget, keep and measure.</summary>
    public required ForgetRequest Sets { get; init; }

    /// <summary>Values of the method's options, one value each.</summary>
    public IReadOnlyList<MethodValues> MethodOptions { get; init; } = [];

    /// <summary>Folder for the edited model; it must not exist.</summary>
    public required string Out { get; init; }
}

/// <summary>Edits a model so that it forgets sequences, by one method at one budget.</summary>
public static class UnlearnRunJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong, a file cannot be read, or the method cannot run on
    /// this model or with these rows.</exception>
    public static UnlearnRunResult Run(UnlearnRunOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model;
        UnlearningMethod method = MethodCatalog.Named(options.Method);
        if (options.Budget is not { } budget)
            throw new UserException($"no {Field.Of(nameof(options.Budget))}; expected a share "
                + $"{method.BudgetOf}, 0 to 1");
        UnlearningMethod.Budget(budget);
        MethodValues.RequireRead(options.MethodOptions, [method]);
        MethodSettings settings = MethodValues.Grid(options.MethodOptions, method)[0];
        settings.Require(method);
        AtomicFolder.RequireNew(options.Out);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        UnlearnData data = options.Sets.Read(context, folder, config);
        ForgetRequest.WarnIfSameForm(context, data.Form, method);
        string parentHash = ModelFolder.Hash(folder), dataHash = FileHash.Sha256(options.Sets.Files);
        using ComputeDevice device = context.OpenDevice();
        using LanguageModel model = LoadedModel.Load(context, device, folder);
        IReadOnlyList<PlantedSequence> forget = data.ToForget(model);
        UnlearnTask task = data.TaskOf(model, forget, settings, context.Seed) with
        {
            Cancel = context.Cancel,
            Progress = share => context.Progress?.Invoke(new JobProgress(method.Name, share, "")),
        };
        UnlearnRun done = UnlearnRun.Of(method, budget, task,
            () => UnlearnScore.Measure(model, data.Asked, data.Recital, data.MeasuredKeep));
        context.Cancel.ThrowIfCancellationRequested();
        var made = new JsonObject
        {
            ["method"] = method.Name, ["budget"] = budget, ["method_options"] = settings.Json(method),
        };
        options.Sets.AddTo(made, data);
        made["parent"] = folder;
        made["parent_weights"] = done.Edit.Parent;
        made["edited_weights"] = done.Edit.Edited;
        BeginOfText.Carry(folder, made);
        AtomicFolder.Write(options.Out, into =>
        {
            done.Edit.Save(Path.Combine(into, WeightEdit.FileName));
            model.Save(into, folder);
            LensOwner.Record(made, into);
            new Manifest
            {
                Command = "unlearn run", Options = made, Seed = context.Seed, ModelHash = parentHash,
                DataHash = dataHash, Device = device.Name, Precision = device.Precision.ManifestName(),
            }.Write(Path.Combine(into, "manifest.json"));
        });
        return UnlearnRunResult.Of(method, budget, data, forget.Count, done, parentHash);
    }
}
