using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="GenerateJob"/>.</summary>
/// <remarks>
/// Temperature, top-k and top-p draw; where none of them is given, each token is the most likely one.
/// </remarks>
public sealed record GenerateOptions
{
    /// <summary>The model and what it continues.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>Most tokens to add to each prompt.</summary>
    public int MaxNewTokens { get; init; } = 32;

    /// <summary>Logits are divided by it; null is 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Draws from this many most likely tokens; 0 and null take all.</summary>
    public int? TopK { get; init; }

    /// <summary>
    /// Draws from the most likely tokens that have this probability together; null is 1, which takes all.
    /// </summary>
    public float? TopP { get; init; }

    /// <summary>Always takes the most likely token, which the other three contradict.</summary>
    public bool Greedy { get; init; }

    /// <summary>A token id that ends a text; -1 for none.</summary>
    public int Stop { get; init; } = -1;

    /// <summary>A JSON file of edits that are in force while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Runs the weights as TransformerLens rewrites them (LayerNorm folded, centred).</summary>
    public bool Processed { get; init; }

    /// <summary>How the next token is chosen.</summary>
    internal SamplingOptions Sampling()
    {
        bool drawn = Temperature is not null || TopK is not null || TopP is not null;
        if (drawn && Greedy)
            throw new UserException(
                "Greedy draws nothing; leave out Temperature, TopK and TopP, or it",
                nameof(Greedy), nameof(Temperature), nameof(TopK), nameof(TopP));
        var sampling = new SamplingOptions(Temperature ?? 1f, TopK ?? 0, TopP ?? 1f, Greedy: !drawn);
        sampling.Validate();
        return sampling;
    }
}

/// <summary>A prompt and its continuation.</summary>
/// <param name="PromptIds">The prompt's tokens.</param>
/// <param name="NewIds">The tokens that were added, the stop token included.</param>
/// <param name="Text">The added tokens as text; null where the folder has no tokenizer.</param>
public sealed record GeneratedText(IReadOnlyList<int> PromptIds, IReadOnlyList<int> NewIds, string? Text)
{
    /// <summary>The prompt as text; null where the folder has no tokenizer.</summary>
    [JsonIgnore]
    public string? PromptText { get; init; }
}

/// <summary>What a model wrote.</summary>
/// <param name="Texts">In the order of the prompts.</param>
/// <param name="Tokens">Tokens that were added, over all prompts.</param>
/// <param name="TokensPerSecond">Without the loading of the model.</param>
public sealed record GenerateResult(IReadOnlyList<GeneratedText> Texts, int Tokens, double TokensPerSecond);

/// <summary>Continues prompts.</summary>
public static class GenerateJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static GenerateResult Run(GenerateOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        SamplingOptions sampling = options.Sampling();
        Prompt prompt = options.Prompt.Read();
        (int stop, int vocabulary) = (options.Stop, prompt.Config.VocabSize);
        if (stop < -1 || stop >= vocabulary)
            throw new UserException($"Stop is {stop}; expected a token id from 0 to {vocabulary - 1}, "
                + "or -1 for none", nameof(GenerateOptions.Stop));
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit);
        RequireRoom(options.MaxNewTokens, prompt);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder, options.Processed);
        using IDisposable attached = loaded.Model.Attach(edits);
        var watch = Stopwatch.StartNew();
        IReadOnlyList<int[]> added = new Generator(loaded.Model).Generate(prompt.Rows, new GenerationOptions
        {
            MaxNewTokens = options.MaxNewTokens,
            Sampling = sampling,
            Seed = context.Seed,
            StopToken = stop < 0 ? null : stop,
            OnStep = _ => context.Cancel.ThrowIfCancellationRequested(),
        });
        double seconds = watch.Elapsed.TotalSeconds;
        int count = added.Sum(a => a.Length);
        return new GenerateResult(
            [.. added.Select((ids, b) => Text(prompt, b, ids))], count, count / seconds);
    }

    static void RequireRoom(int added, Prompt prompt)
    {
        int longest = prompt.Rows.Lengths.Max();
        if (added < 1 || longest + added > prompt.Config.ContextLength)
            throw new UserException($"MaxNewTokens is {added} after a prompt of {longest}; "
                + "expected at least 1, and both together at most the context of "
                + $"{prompt.Config.ContextLength}", nameof(GenerateOptions.MaxNewTokens));
    }

    static GeneratedText Text(Prompt prompt, int row, int[] added)
    {
        int[] asked = prompt.Rows.Row(row).ToArray();
        return new GeneratedText(asked, added, prompt.Tokenizer?.Decode(added))
        {
            PromptText = prompt.Tokenizer?.Decode(asked),
        };
    }
}
