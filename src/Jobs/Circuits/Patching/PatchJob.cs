using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Activation and path patching: the metric of an answer when values of one run are put into another.
/// </summary>
public static class PatchJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the pairs or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static PatchResult Run(PatchOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PatchTable.RequireName(options.Table);
        RequireMap(options);
        PatchPlan plan = PatchPlan.Read(options, context);
        string[] files = [.. new[] { options.Out, options.Svg, options.Table }.OfType<string>()];
        foreach (string file in files)
            OutputFile.Require(file);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, plan.Data.Folder);
        PatchSummary summary = PatchSummary.Of(
            Patch(plan, options, context, loaded.Model), plan.Direction, options.FromEnd, context.Seed);
        PatchResult result = Result(plan, options, summary);
        PatchPicture picture = new(result);
        if (options.Out is { } page)
            PatchReport.Make(plan, result, picture, device).Save(page);
        if (options.Svg is { } figure)
            AtomicFile.WriteText(figure, picture.Map()!);
        if (options.Table is { } table)
            PatchTable.Write(table, result);
        foreach (string file in files)
            Made(plan, options, context, device).WriteBeside(file);
        return result;
    }

    static List<PatchedPair> Patch(
        PatchPlan plan, PatchOptions options, JobContext context, LanguageModel model)
    {
        using IPatching patching = plan.Open(model, options.BatchRows);
        IReadOnlyList<ContrastPair> pairs = plan.Data.Pairs;
        var patched = new List<PatchedPair>();
        foreach ((int index, ContrastPair pair) in pairs.Index())
        {
            IReadOnlyList<PatchContrast> contrasts =
                plan.Corruption.Contrasts(pair, index, model, context.Seed);
            var samples = new List<PatchedPair>();
            foreach (PatchContrast contrast in contrasts)
                samples.Add(patching.Run(contrast, plan.MetricOf(pair), plan.Direction, share
                    => context.Report("patching",
                        (index + (samples.Count + share) / contrasts.Count) / pairs.Count,
                        pairs.Count > 1 ? $"{index + 1} of {pairs.Count}" : "")));
            patched.Add(PatchedPair.Mean(samples));
        }
        return patched;
    }

    static PatchResult Result(PatchPlan plan, PatchOptions options, PatchSummary summary)
    {
        ContrastData data = plan.Data;
        ContrastPair only = data.Pairs[0];
        int[]? tokens = data.Pairs.Count > 1 || plan.Corruption.Name == "resample" ? null
            : plan.Direction == PatchDirection.Noise || !plan.Corruption.IsGiven ? only.Clean : only.Corrupt;
        return new PatchResult(ModelFolder.Hash(data.Folder),
            plan.Grid is { } grid ? PatchWords.Of(grid.Kind) : "path",
            plan.Grid is { } cells ? PatchWords.Of(cells.Axis)
                : options.From is "heads" ? "head" : options.From is "mlps" ? "layer" : "set",
            MetricWords.Of(plan.Kind), PatchWords.Of(plan.Direction), plan.Corruption.Name,
            plan.Corruption.Samples, summary.Pairs, summary.Clean, summary.Corrupt,
            [.. summary.Effects.Select(PatchCellResult.Of)])
        {
            From = options.From, To = options.To, Tokens = tokens,
            Texts = tokens is null ? null : [.. tokens.Select(data.Piece)], Bos = data.Bos,
        };
    }

    static void RequireMap(PatchOptions options)
    {
        bool set = options.From is not (null or "heads" or "mlps");
        if (options.Svg is not null
            && (set || options.Neurons is not null || options.By == PatchWords.Of(PatchAxis.Neuron)))
            throw new UserException($"{Field.Of(nameof(options.Svg))} needs cells with rows and columns; "
                + "neurons and sets of senders have none");
    }

    static Manifest Made(PatchPlan plan, PatchOptions options, JobContext context, ComputeDevice device)
    {
        JsonArray Ids(int[] ids) => [.. ids.Select(id => (JsonNode)id)];
        ContrastPair only = plan.Data.Pairs[0];
        bool file = plan.Data.File is not null;
        var json = new JsonObject
        {
            ["pairs"] = plan.Data.File is { } path ? Path.GetFileName(path) : null,
            ["clean"] = file ? null : Ids(only.Clean),
            ["corrupt"] = file || only.Corrupt is null ? null : Ids(only.Corrupt),
            ["answer"] = file ? null : only.Answer,
            ["wrong"] = file ? null : only.Wrong,
            ["at"] = options.At,
            ["by"] = options.By,
            ["metric"] = MetricWords.Of(plan.Kind),
            ["direction"] = options.Direction,
            ["layers"] = options.Layers,
            ["positions"] = options.Positions,
            ["neurons"] = options.Neurons,
            ["noise_positions"] = options.NoisePositions,
            ["noise_scale"] = options.NoiseScale,
            ["resample"] = options.Resample is { } rows ? Path.GetFileName(rows) : null,
            ["resample_hash"] = options.Resample is { } drawn ? FileHash.Sha256(drawn) : null,
            ["samples"] = plan.Corruption.Samples,
            ["align"] = options.Align,
            ["from_end"] = options.FromEnd,
            ["from"] = options.From,
            ["to"] = options.To,
            ["freeze"] = options.Freeze,
            ["bos_token"] = plan.Data.Bos,
        };
        return OutputFile.ManifestOf("patch", json, plan.Data.Folder, device) with
        {
            Seed = context.Seed, DataHash = plan.Data.File is { } data ? FileHash.Sha256(data) : null,
        };
    }
}
