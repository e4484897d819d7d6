using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TraceJob"/>.</summary>
public sealed record TraceOptions
{
    /// <summary>The model and the prompts to run.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>
    /// Sites to record, as globs separated by commas: blocks.*.attn.hook_z. Null for the table of steps.
    /// </summary>
    public string? Sites { get; init; }

    /// <summary>
    /// File for the values, .safetensors, or .npy for one site; without an ending it is the former. Null for
    /// the table of steps.
    /// </summary>
    public string? Out { get; init; }

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Whether to use weights rewritten as by TransformerLens (LayerNorm folded, centred).</summary>
    public bool Processed { get; init; }

    /// <summary>Whether to run weights and record values that are NaN or infinite, instead of refusing
    /// them.</summary>
    public bool AllowNonfinite { get; init; }

    internal void Validate()
    {
        if (Out is null != Sites is null)
            throw new UserException(Sites is null
                ? $"{Field.Of(nameof(Out))} without {Field.Of(nameof(Sites))}; expected both, or neither for "
                + "the table of steps"
                : $"{Field.Of(nameof(Sites))} without {Field.Of(nameof(Out))}; expected a file to write to, "
                + $"like {Field.Of(nameof(Out))} trace.safetensors");
    }
}

/// <summary>The tensors that were written to a file.</summary>
/// <param name="Out">File of the tensors.</param>
/// <param name="ModelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
/// <param name="Device">Name of the device.</param>
/// <param name="Tensors">Shapes by tensor name, in the order of the file.</param>
public sealed record TraceResult(
    string Out, string ModelHash, string Device, IReadOnlyDictionary<string, int[]> Tensors)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>One step of a forward pass.</summary>
/// <param name="Step">Name of the site.</param>
/// <param name="Shape">Shape of the values, batch axis first.</param>
/// <param name="Norm">Square root of the sum of squares of the finite values.</param>
public sealed record TraceStep(string Step, IReadOnlyList<int> Shape, double Norm)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Runs a model and records the values of sites.</summary>
public static class TraceJob
{
    /// <summary>Writes the values at <see cref="TraceOptions.Sites"/> to a file.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static TraceResult Run(TraceOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        options.Validate();
        if (options is not { Sites: { } globs, Out: { } path })
            throw new UserException($"neither {Field.Of(nameof(TraceOptions.Sites))} nor "
                + $"{Field.Of(nameof(TraceOptions.Out))}; expected both");
        SiteTrace.RequireName(path);
        Prompt prompt = options.Prompt.Read(context);
        IReadOnlyList<Site> sites = Site.MatchAll(globs.Split(','), prompt.Config);
        IReadOnlyList<Edit> edits = prompt.ReadEdits(
            options.Edit, context, processed: options.Processed);
        if (SiteTrace.IsNpy(path) && sites.Count != 1)
            throw new UserException($"{path}: .npy holds one tensor and the sites are {sites.Count}; "
                + "name one site or write .safetensors");
        OutputFile.Require(path);
        return Record(options, prompt, edits, sites, context, (trace, device) =>
        {
            Manifest manifest = OutputFile.ManifestOf("trace", new JsonObject
            {
                ["model"] = prompt.Folder,
                ["sites"] = new JsonArray([.. sites.Select(s => (JsonNode)s.Name)]),
                ["bos"] = prompt.Bos,
                ["edit"] = EditSpec.ToJson(edits),
                ["processed"] = options.Processed,
            }, prompt.Folder, device);
            trace.Write(path, manifest);
            manifest.WriteBeside(path);
            return new TraceResult(path, manifest.ModelHash!, device.Name,
                trace.ShapesIn(path).ToDictionary(s => s.Name, s => s.Shape)) { Bos = prompt.Bos };
        });
    }

    /// <summary>Returns shape and norm of every step of the forward pass; writes no file.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static IReadOnlyList<TraceStep> Steps(TraceOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        options.Validate();
        if (options.Sites is not null)
            throw new UserException("the table of steps takes neither "
                + $"{Field.Of(nameof(TraceOptions.Sites))} nor {Field.Of(nameof(TraceOptions.Out))}");
        Prompt prompt = options.Prompt.Read(context);
        // Scores, patterns and results are left out: recording them costs more than the pass.
        Site[] sites = [.. Site.All(prompt.Config)
            .Where(s => s.Kind is not (SiteKind.Scores or SiteKind.Pattern or SiteKind.Result))];
        IReadOnlyList<Edit> edits = prompt.ReadEdits(
            options.Edit, context, processed: options.Processed);
        return Record<TraceStep[]>(options, prompt, edits, sites, context, (trace, _) =>
            [.. sites.Select(s => new TraceStep(s.Name, trace.Shape(s), trace.Norm(s))
            {
                Bos = prompt.Bos,
            })]);
    }

    static T Record<T>(TraceOptions options, Prompt prompt, IReadOnlyList<Edit> edits,
        IReadOnlyList<Site> sites, JobContext context, Func<SiteTrace, ComputeDevice, T> use)
    {
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(
            context, device, prompt.Folder, options.Processed, options.AllowNonfinite);
        using IDisposable attached = prompt.Attach(loaded.Model, edits, context);
        SequenceBatch rows = prompt.Rows;
        using var session = new ModelSession(loaded.Model, new SessionOptions
        {
            MaxRows = rows.B, MaxTokens = rows.T, Record = sites,
        });
        session.Forward(rows);
        context.Cancel.ThrowIfCancellationRequested();
        return use(new SiteTrace(rows, session.Recordings, sites), device);
    }
}
