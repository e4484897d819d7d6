using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="GradJob"/>.</summary>
public sealed record GradOptions
{
    /// <summary>The model and the prompts to run.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>File for the gradients, .safetensors.</summary>
    public required string Out { get; init; }

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Sites whose gradients are written too, as globs separated by commas; null for none.</summary>
    public string? Sites { get; init; }

    /// <summary>
    /// What to differentiate: <c>logit-diff:A,B</c> or <c>logprob:A</c>, tokens as ids or as words of one
    /// token; null for the loss.
    /// </summary>
    public string? Of { get; init; }
}

/// <summary>What a gradient is computed from.</summary>
/// <param name="Prompt">Prompts, checked.</param>
/// <param name="Out">File of the gradients.</param>
/// <param name="Edits">Edits of the pass.</param>
/// <param name="Sites">Sites whose gradients are written too.</param>
sealed record GradCall(
    Prompt Prompt, string Out, IReadOnlyList<Edit> Edits, IReadOnlyList<Site> Sites);

/// <summary>The loss whose gradient was written.</summary>
/// <param name="Loss">Mean cross-entropy of the next token, nats.</param>
/// <param name="Tokens">Number of tokens that have a successor.</param>
/// <param name="Out">File of the gradients.</param>
public sealed record GradResult(double Loss, int Tokens, string Out)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>
/// Writes the gradient of the mean next-token cross-entropy, or of a metric, for every parameter.
/// </summary>
public static partial class GradJob
{
    /// <summary>Runs the job for the loss and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static GradResult Run(GradOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Of is not null)
            throw new ArgumentException($"The gradient of {options.Of} is {nameof(OfMetric)}'s.");
        GradCall call = Read(options, context);
        int[] targets = call.Prompt.Rows.NextTokens();
        int counted = targets.Count(t => t >= 0);
        if (counted == 0)
            throw new UserException("no token has a successor; expected a prompt of at least two tokens");
        return Differentiate(call, context, (session, gradients) =>
        {
            (double sum, int count) = session.ForwardBackward(
                call.Prompt.Rows, targets, gradients, 1f / counted);
            return new GradResult(sum / count, count, call.Out) { Bos = call.Prompt.Bos };
        }, found => ($"the loss is {found.Loss}", new JsonObject
        {
            ["loss"] = found.Loss, ["tokens"] = found.Tokens,
        }));
    }

    static GradCall Read(GradOptions options, JobContext context)
    {
        SiteTrace.RequireName(options.Out, npy: false);
        Prompt prompt = options.Prompt.Read(context);
        IReadOnlyList<Site> sites = options.Sites is { } globs
            ? Site.MatchAll(globs.Split(','), prompt.Config) : [];
        if (SiteTrace.IsNpy(options.Out))
            throw new UserException($"{options.Out}: .npy holds one tensor; name a .safetensors file");
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit, context);
        OutputFile.Require(options.Out);
        return new GradCall(prompt, options.Out, edits, sites);
    }

    // pass: the forward and backward pass. facts: what was differentiated, in words and for the manifest.
    static TResult Differentiate<TResult>(GradCall call, JobContext context,
        Func<ModelSession, ParameterGradients, TResult> pass,
        Func<TResult, (string Line, JsonObject Fields)> facts)
    {
        Prompt prompt = call.Prompt;
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        LanguageModel model = loaded.Model;
        using IDisposable attached = prompt.Attach(model, call.Edits, context);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = prompt.Rows.B, MaxTokens = prompt.Rows.T, Backward = true,
            RecordGradients = call.Sites,
        });
        using var gradients = ParameterGradients.Create(model);
        TResult result = pass(session, gradients);
        context.Cancel.ThrowIfCancellationRequested();
        (string line, JsonObject fields) = facts(result);
        foreach (ParameterSlice slice in gradients.Set.Included)
            if (model.Ops.FirstNonfinite(gradients.Set[slice.Name]) >= 0)
                throw new UserException($"the gradient of {slice.Name} is not finite: it overflows float32, "
                    + $"though {line}");
        var made = new JsonObject
        {
            ["model"] = prompt.Folder,
            ["bos"] = prompt.Bos,
            ["edit"] = EditSpec.ToJson(call.Edits),
        };
        foreach ((string name, JsonNode? value) in fields)
            made[name] = value?.DeepClone();
        Manifest manifest = OutputFile.ManifestOf("grad", made, prompt.Folder, device);
        Write(call.Out, manifest, gradients, new SiteTrace(prompt.Rows, session.SiteGradients, call.Sites));
        return result;
    }

    static void Write(string path, Manifest manifest, ParameterGradients gradients, SiteTrace sites)
    {
        var writer = new SafetensorsWriter();
        SiteTrace.Describe(writer, manifest);
        foreach (ParameterSlice slice in gradients.Set.Included)
            writer.Add(slice.Name, slice.Shape, (start, piece) =>
                gradients.Set[slice.Name].Slice(slice.Name, start, piece.Length).Download(piece));
        sites.AddTo(writer);
        writer.Save(path);
        manifest.WriteBeside(path);
    }
}
