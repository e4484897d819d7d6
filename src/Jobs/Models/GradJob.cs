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
}

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

/// <summary>Writes the gradient of the mean next-token cross-entropy for every parameter.</summary>
public static class GradJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static GradResult Run(GradOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        SiteTrace.RequireName(options.Out, npy: false);
        Prompt prompt = options.Prompt.Read(context);
        IReadOnlyList<Site> sites = options.Sites is { } globs
            ? Site.MatchAll(globs.Split(','), prompt.Config) : [];
        if (SiteTrace.IsNpy(options.Out))
            throw new UserException($"{options.Out}: .npy holds one tensor; name a .safetensors file");
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit, context);
        OutputFile.Require(options.Out);
        return Run(prompt, options.Out, edits, sites, context);
    }

    static GradResult Run(Prompt prompt, string path, IReadOnlyList<Edit> edits, IReadOnlyList<Site> sites,
        JobContext context)
    {
        int[] targets = prompt.Rows.NextTokens();
        int counted = targets.Count(t => t >= 0);
        if (counted == 0)
            throw new UserException("no token has a successor; expected a prompt of at least two tokens");
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        LanguageModel model = loaded.Model;
        using IDisposable attached = prompt.Attach(model, edits, context);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = prompt.Rows.B, MaxTokens = prompt.Rows.T, Backward = true, RecordGradients = sites,
        });
        using var gradients = ParameterGradients.Create(model);
        (double sum, int count) = session.ForwardBackward(prompt.Rows, targets, gradients, 1f / counted);
        context.Cancel.ThrowIfCancellationRequested();
        double loss = sum / count;
        foreach (ParameterSlice slice in gradients.Set.Included)
            if (model.Ops.FirstNonfinite(gradients.Set[slice.Name]) >= 0)
                throw new UserException($"the gradient of {slice.Name} is not finite: it overflows float32, "
                    + $"though the loss is {loss}");
        Manifest manifest = OutputFile.ManifestOf("grad", new JsonObject
        {
            ["model"] = prompt.Folder,
            ["bos"] = prompt.Bos,
            ["edit"] = EditSpec.ToJson(edits),
            ["loss"] = loss,
            ["tokens"] = count,
        }, prompt.Folder, device);
        Write(path, manifest, gradients, new SiteTrace(prompt.Rows, session.SiteGradients, sites));
        return new GradResult(loss, count, path) { Bos = prompt.Bos };
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
