using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="GenerateJob"/>.</summary>
/// <remarks>
/// If temperature, top-k or top-p is given, tokens are drawn at random; otherwise each token is the most
/// likely one.
/// </remarks>
public sealed record GenerateOptions
{
    /// <summary>The model and the prompts to continue.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>More models of the same vocabulary, whose predictions are combined with the
    /// first's.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];

    /// <summary>How predictions of several models become one.</summary>
    public EnsembleRule Ensemble { get; init; }

    /// <summary>Largest number of tokens to add to each prompt; at least 1.</summary>
    public int MaxNewTokens { get; init; } = 32;

    /// <summary>Temperature that logits are divided by; null for 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Number of most likely tokens to draw from; 0 or null for all.</summary>
    public int? TopK { get; init; }

    /// <summary>
    /// Total probability of the most likely tokens to draw from; null for 1, which takes all.
    /// </summary>
    public float? TopP { get; init; }

    /// <summary>Whether to always take the most likely token; contradicts the other three.</summary>
    public bool Greedy { get; init; }

    /// <summary>Token id that ends a text; -1 for none.</summary>
    public int Stop { get; init; } = -1;

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Whether to use weights rewritten as by TransformerLens (LayerNorm folded, centred).</summary>
    public bool Processed { get; init; }

    /// <summary>Returns the checked sampling options.</summary>
    internal SamplingOptions Sampling()
    {
        bool drawn = Temperature is not null || TopK is not null || TopP is not null;
        if (drawn && Greedy)
            throw new UserException(
                $"{Field.Of(nameof(Greedy))} draws nothing; leave out {Field.Of(nameof(Temperature))}, "
                    + $"{Field.Of(nameof(TopK))} and {Field.Of(nameof(TopP))}, or it");
        if (Others.Count > 0 && Edit is not null)
            throw new UserException($"{Field.Of(nameof(Edit))} edits one model; leave it out, or the other "
                + "models");
        if (drawn && Others.Count > 0 && Ensemble == EnsembleRule.Vote)
            throw new UserException($"{Field.Of(nameof(Ensemble))} is vote, which draws nothing; leave out "
                + $"{Field.Of(nameof(Temperature))}, {Field.Of(nameof(TopK))} and {Field.Of(nameof(TopP))}");
        var sampling = new SamplingOptions(Temperature ?? 1f, TopK ?? 0, TopP ?? 1f, Greedy: !drawn);
        sampling.Validate();
        return sampling;
    }
}

/// <summary>A prompt and its continuation.</summary>
/// <param name="PromptIds">Token ids of the prompt.</param>
/// <param name="NewIds">Token ids that were added, including the stop token.</param>
/// <param name="Text">Added tokens as text; null if the folder has no tokenizer.</param>
public sealed record GeneratedText(IReadOnlyList<int> PromptIds, IReadOnlyList<int> NewIds, string? Text)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The prompt as text; null if the folder has no tokenizer.</summary>
    [JsonIgnore]
    public string? PromptText { get; init; }
}

/// <summary>The continuations that a model wrote.</summary>
/// <param name="Texts">Continuations in the order of the prompts.</param>
/// <param name="Tokens">Number of added tokens over all prompts.</param>
/// <param name="TokensPerSecond">Added tokens per second, without loading the model.</param>
public sealed record GenerateResult(IReadOnlyList<GeneratedText> Texts, int Tokens, double TokensPerSecond);

/// <summary>Generates continuations of prompts.</summary>
public static class GenerateJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static GenerateResult Run(GenerateOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        SamplingOptions sampling = options.Sampling();
        Prompt prompt = options.Prompt.Read(context);
        (int stop, int vocabulary) = (options.Stop, prompt.Config.VocabSize);
        if (stop < -1 || stop >= vocabulary)
            throw new UserException($"{Field.Of(nameof(GenerateOptions.Stop))} is {stop}; expected a token "
                + $"id from 0 to {vocabulary - 1}; leave it out for none");
        IReadOnlyList<Edit> edits = prompt.ReadEdits(
            options.Edit, context, generates: true, processed: options.Processed);
        string[] folders = [prompt.Folder, .. options.Others];
        RequireRoom(options.MaxNewTokens, prompt, EnsembleModels.Require(folders));
        using ComputeDevice device = context.OpenDevice();
        using EnsembleModels loaded = EnsembleModels.Open(context, device, folders, options.Processed);
        using IDisposable attached = prompt.Attach(loaded.Models[0], edits, context);
        var watch = Stopwatch.StartNew();
        var generation = new GenerationOptions
        {
            MaxNewTokens = options.MaxNewTokens,
            Sampling = sampling,
            Seed = context.Seed,
            StopToken = stop < 0 ? null : stop,
            OnStep = _ => context.Cancel.ThrowIfCancellationRequested(),
        };
        IReadOnlyList<int[]> added = folders.Length == 1
            ? new Generator(loaded.Models[0]).Generate(prompt.Rows, generation)
            : new EnsembleGenerator(loaded.Models, options.Ensemble).Generate(prompt.Rows, generation);
        double seconds = watch.Elapsed.TotalSeconds;
        int count = added.Sum(a => a.Length);
        JobEdits.RemarkMissed(edits, prompt.Rows, added, context);
        return new GenerateResult(
            [.. added.Select((ids, b) => Text(prompt, b, ids))], count, count / seconds);
    }

    static void RequireRoom(int added, Prompt prompt, int context)
    {
        int longest = prompt.Rows.Lengths.Max();
        if (added < 1 || longest + added > context)
            throw new UserException($"{Field.Of(nameof(GenerateOptions.MaxNewTokens))} is {added} after a "
                + $"prompt of {longest}; expected at least 1, and both together at most the context of "
                + $"{context}");
    }

    static GeneratedText Text(Prompt prompt, int row, int[] added)
    {
        int[] asked = prompt.Rows.Row(row).ToArray();
        return new GeneratedText(asked, added, prompt.Tokenizer?.Decode(added))
        {
            PromptText = prompt.Tokenizer?.Decode(asked), Bos = prompt.Bos,
        };
    }
}
