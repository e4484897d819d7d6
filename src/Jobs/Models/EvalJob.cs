using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="EvalJob"/>.</summary>
public sealed record EvalOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// The texts: a .jsonl file with a "text" on each line, or a file with one document, or with several and
    /// &lt;|endoftext|&gt; between them.
    /// </summary>
    public required string TextFile { get; init; }

    /// <summary>Tokens that a window sees; 0 takes the model's context.</summary>
    public int Context { get; init; }

    /// <summary>Tokens from one window's start to the next; 0 takes the context: no overlap.</summary>
    public int Stride { get; init; }

    /// <summary>Puts the config's begin-of-text token before each document.</summary>
    public bool Bos { get; init; }
}

/// <summary>How well a model predicts texts.</summary>
/// <param name="Loss">Mean cross-entropy over all tokens, nats.</param>
/// <param name="Perplexity">exp of the loss.</param>
/// <param name="WindowPerplexity">Mean over windows of exp(mean loss of the window).</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
/// <param name="Tokens">Tokens predicted, each once.</param>
/// <param name="Windows">Windows that were run.</param>
/// <param name="Documents">Texts.</param>
/// <param name="Context">Tokens that a window sees.</param>
/// <param name="Stride">Tokens from one window's start to the next.</param>
/// <param name="TokensPerSecond">Without the loading of the model.</param>
public sealed record EvalResult(double Loss, double Perplexity, double WindowPerplexity, double Accuracy,
    long Tokens, int Windows, int Documents, int Context, int Stride, double TokensPerSecond);

/// <summary>Loss, perplexity and accuracy of a model on texts.</summary>
public static class EvalJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static EvalResult Run(EvalOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        int window = options.Context == 0 ? config.ContextLength : options.Context;
        int stride = options.Stride == 0 ? window : options.Stride;
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        IReadOnlyList<string> texts = TextDocuments.Read(options.TextFile);
        int[] before = PromptRequest.BosOf(options.Bos, config, options.Model) is { } bos ? [bos] : [];
        int[][] documents = [.. texts.Select(t => (int[])[.. before, .. tokenizer.Encode(t)])];
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        var watch = Stopwatch.StartNew();
        TextScore score = TextEvaluation.Run(loaded.Model, documents, window, stride, (done, total) =>
            context.Report("evaluating", (double)done / total,
                $"{done / watch.Elapsed.TotalSeconds:0} tokens/s"));
        return new EvalResult(score.Loss, score.Perplexity, score.WindowPerplexity, score.Accuracy,
            score.Tokens, score.Windows, score.Documents, window, stride,
            score.Tokens / watch.Elapsed.TotalSeconds);
    }
}
