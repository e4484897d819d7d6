using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="EvalJob"/>.</summary>
public sealed record EvalOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>More models of the same vocabulary, whose predictions are combined with the
    /// first's.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];

    /// <summary>How predictions of several models become one.</summary>
    public EnsembleRule Ensemble { get; init; }

    /// <summary>
    /// File of texts: .jsonl, .json or .csv with a text per row, or a text file with documents separated by
    /// &lt;|endoftext|&gt;, or one a line.
    /// </summary>
    public required string TextFile { get; init; }

    /// <summary>Number of tokens of a window; 0 for the model's context.</summary>
    public int Context { get; init; }

    /// <summary>
    /// Number of tokens between the starts of two windows; 0 for the window's length, without overlap.
    /// </summary>
    public int Stride { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }
}

/// <summary>How well a model predicts texts.</summary>
/// <param name="Loss">Mean cross-entropy over all tokens, nats; NaN, as the perplexities are, for a
/// vote.</param>
/// <param name="Perplexity">exp of the loss.</param>
/// <param name="WindowPerplexity">Mean over windows of exp(mean loss of the window).</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
/// <param name="Tokens">Number of predicted tokens, each counted once.</param>
/// <param name="Windows">Number of windows.</param>
/// <param name="Documents">Number of texts.</param>
/// <param name="Context">Number of tokens of a window.</param>
/// <param name="Stride">Number of tokens between the starts of two windows.</param>
/// <param name="TokensPerSecond">Tokens per second, without loading the model.</param>
/// <param name="Bos">Token id before each text; null for none.</param>
/// <param name="Models">Folders of the models whose predictions were combined; null for one model.</param>
/// <param name="Ensemble">Name of the rule that combined them; null for one model.</param>
public sealed record EvalResult(double Loss, double Perplexity, double WindowPerplexity, double Accuracy,
    long Tokens, int Windows, int Documents, int Context, int Stride, double TokensPerSecond,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Bos = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Models = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Ensemble = null);

/// <summary>Measures loss, perplexity and accuracy of a model on texts.</summary>
public static class EvalJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static EvalResult Run(EvalOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        options.Rules.RequireObeyed(options.TextFile, nameof(options.TextFile));
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        if (options.Others.Count > 0 && options.Edit is not null)
            throw new UserException($"{Field.Of(nameof(options.Edit))} edits one model; leave it out, or the "
                + "other models");
        string[] folders = [options.Model, .. options.Others];
        int longest = EnsembleModels.Require(folders);
        int window = options.Context == 0 ? longest : options.Context;
        int stride = options.Stride == 0 ? window : options.Stride;
        ModelText text = ModelText.Open(options.Model, config, options.Rules, context);
        ByteBpeTokenizer tokenizer = text.Required();
        int[][] documents = [.. text.Documents(options.TextFile).Select(t => tokenizer.Encode(t))];
        text.RemarkWithout(documents);
        documents = [.. documents.Select(text.Row)];
        IReadOnlyList<Edit> edits = JobEdits.Read(options.Edit, options.Model, config, tokenizer, context,
            [.. documents.Where(d => d.Length > 1).Select(d => Math.Min(window, d.Length))]);
        if (edits.Count > 0 && documents.Count(d => d.Length > window) is > 0 and var cut)
            context.Say($"{cut} of {Counted.Of(documents.Length, "text")} "
                + $"{Counted.Verb(documents.Length, "is", "are")} longer than {Counted.Of(window, "token")}; "
                + "edits count their positions from the first token of each window");
        using ComputeDevice device = context.OpenDevice();
        using EnsembleModels loaded = EnsembleModels.Open(context, device, folders);
        LanguageModel model = loaded.Models[0];
        using IDisposable attached = JobEdits.Attach(model, edits, tokenizer, text.Bos, context);
        var watch = Stopwatch.StartNew();
        void Progress(long done, long total) => context.Report("evaluating", (double)done / total,
            $"{done / watch.Elapsed.TotalSeconds:0} tokens/s");
        TextScore score = folders.Length == 1
            ? TextEvaluation.Run(model, documents, window, stride, Progress)
            : TextEvaluation.Run(
                loaded.Models, options.Ensemble, documents, window, stride, Progress);
        return new EvalResult(score.Loss, score.Perplexity, score.WindowPerplexity, score.Accuracy,
            score.Tokens, score.Windows, score.Documents, window, stride,
            score.Tokens / watch.Elapsed.TotalSeconds, text.Bos, folders.Length == 1 ? null : folders,
            folders.Length == 1 ? null : options.Ensemble.Name());
    }
}
