using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TourJob"/>.</summary>
public sealed record TourOptions
{
    /// <summary>
    /// Folder of the model, in Hugging Face's format; null takes <see cref="ShippedModel"/>.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>File of the HTML page.</summary>
    public string Out { get; init; } = "headtap-tour.html";
}

/// <summary>
/// Shows all experiments on the shipped model: asks questions, reads and patches the heads, injects a memory,
/// makes it forget a code, merges two such edits, and writes a page.
/// </summary>
public static class TourJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The folder lacks a file or is damaged, the page cannot be written, or
    /// a pass does not fit the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static TourResult Run(TourOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model ?? ShippedModel.Folder();
        AtomicFile.RequireWritable(options.Out);
        ModelFolder.ReadConfig(folder); // reports a missing folder before any missing file
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, folder);
        TourResult result = Find(loaded.Model, tokenizer, folder, options.Out, context.Cancel);
        TourReport.Make(result).Save(options.Out);
        return result;
    }

    static TourResult Find(LanguageModel model, ByteBpeTokenizer tokenizer, string folder, string page,
        CancellationToken cancel)
    {
        var corpus = new AtlasCorpus(AtlasFacts.Shipped, ShippedModel.CorpusSeed);
        var questions = new TourQuestions(model, tokenizer, corpus);
        cancel.ThrowIfCancellationRequested();
        string hash = ModelFolder.Hash(folder);
        var heads = TourHeads.Read(model, folder, hash, tokenizer, questions.ForLens);
        var patching = TourPatching.Find(model, questions);
        TourInjection injection = TourInjectionSearch.Find(model, tokenizer, corpus, questions, cancel);
        Extraction extraction = questions.Secrets(corpus);
        cancel.ThrowIfCancellationRequested();
        var forgetting = TourForgetting.Find(model, corpus, questions, extraction, cancel);
        cancel.ThrowIfCancellationRequested();
        var merging = TourMerging.Find(model, corpus, questions, extraction, cancel);
        TourKind[] kinds = [.. questions.Kinds()];
        return new TourResult(Sizes(model), hash, model.Device.Name,
            kinds.ToDictionary(k => k.Name, k => k.ShareRight), injection, extraction.Share, forgetting, page)
        {
            DeviceText = $"{model.Device.Name}: {model.Device.Entry.Description}",
            Kinds = kinds,
            Heads = heads,
            Merging = merging,
            Patching = patching,
            Secrets = [.. corpus.Secrets.Zip(extraction.Extracted,
                (secret, found) => new TourSecret(secret.Prompt, secret.Code, found))],
        };
    }

    static string Sizes(LanguageModel model) => $"{Counted.Of(model.Config.Layers, "layer")}, "
        + $"{Counted.Of(model.Config.Heads, "head")}, "
        + $"width {model.Config.Width}, vocabulary {model.Config.VocabSize}, {model.Parameters.TotalLength} "
        + "parameters";
}
