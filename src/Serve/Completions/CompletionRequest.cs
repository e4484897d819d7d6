using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>A request for completions: OpenAI's fields (specification 2.3.0), and some of vLLM's.</summary>
public sealed record CompletionRequest
{
    /// <summary>Most prompts of a request.</summary>
    public const int MostPrompts = 2048;

    const int MostChoices = 128, MostBestOf = 20, MostStops = 4, MostTop = 20;

    static readonly string[] s_fields =
    [
        "model", "prompt", "best_of", "echo", "frequency_penalty", "presence_penalty", "logit_bias",
        "logprobs", "max_tokens", "n", "seed", "stop", "stream", "stream_options", "suffix", "temperature",
        "top_p", "user", "top_k", "min_p", "repetition_penalty", "stop_token_ids", "ignore_eos", "min_tokens",
        "include_stop_str_in_output", "return_token_ids", "return_tokens_as_token_ids", "allowed_token_ids",
        "truncate_prompt_tokens", "add_special_tokens", "priority", "cache_salt", "headtap",
    ];

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Token ids of the prompts.</summary>
    public required IReadOnlyList<int[]> Prompts { get; init; }

    /// <summary>Choices of each prompt.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Texts of each prompt, of which the likeliest are the choices.</summary>
    public int BestOf { get; init; } = 1;

    /// <summary>Whether the text begins with the prompt.</summary>
    public bool Echo { get; init; }

    /// <summary>Most likely tokens to name at each place; null for no log-probabilities.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Most tokens to add.</summary>
    public int MaxTokens { get; init; } = 16;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>What is done to logits before.</summary>
    public LogitRules Rules { get; init; } = new();

    /// <summary>Seed of the draws; drawn for the request if it names none, and told in the reply.</summary>
    public ulong Seed { get; init; }

    /// <summary>Texts that end a completion.</summary>
    public IReadOnlyList<string> Stops { get; init; } = [];

    /// <summary>Whether the text keeps the stop that ended it.</summary>
    public bool KeepsStop { get; init; }

    /// <summary>Tokens that end a completion.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Whether the reply is a stream of events.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether the stream ends with the usage.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>Whether the reply has token ids beside texts.</summary>
    public bool ReturnsIds { get; init; }

    /// <summary>Whether tokens in log-probabilities are written as <c>token_id:N</c>.</summary>
    public bool TokensAsIds { get; init; }

    /// <summary>Where the request stands in the queue: lower first.</summary>
    public int Priority { get; init; }

    /// <summary>Requests of one salt may share what was computed for a common beginning.</summary>
    public string CacheSalt { get; init; } = "";

    /// <summary>Edits that are in force; none usually.</summary>
    public IReadOnlyList<Edit> Edits { get; init; } = [];

    /// <summary>The JSON of the edits; empty for none.</summary>
    public string EditsText { get; init; } = "";

    /// <summary>Reads a request for a model.</summary>
    /// <param name="body">The request.</param>
    /// <param name="workers">Finds the model.</param>
    /// <param name="locate">Says where an uploaded file is that an edit names.</param>
    /// <exception cref="BadRequestException">A field is wrong or unknown.</exception>
    /// <exception cref="ApiError">There is no such model.</exception>
    public static CompletionRequest Parse(
        JsonElement body, ModelWorkers workers, Func<string, string> locate)
    {
        ArgumentNullException.ThrowIfNull(workers);
        RequestFields f = RequestFields.Of(body, "");
        f.Only(s_fields);
        ModelWorker worker = workers.Of(f.Text("model"));
        ResidentModel model = worker.Model;
        if (f.Has("suffix"))
            throw new BadRequestException("suffix: this model writes only behind a text", "suffix");
        bool stream = f.Flag("stream", false);
        if (f.Has("stream_options") && !stream)
            throw new BadRequestException("stream_options without stream", "stream_options");
        RequestFields? options = f.Object("stream_options");
        options?.Only("include_usage", "include_obfuscation");
        int n = f.Int("n", 1, 1, MostChoices), best = f.Int("best_of", n, 1, Math.Max(MostBestOf, n));
        if (best < n)
            throw new BadRequestException($"best_of is {best} and n {n}; expected best_of of at least n",
                "best_of");
        if (stream && best > n)
            throw new BadRequestException("best_of above n cannot be streamed", "best_of");
        int maxTokens = f.Int("max_tokens", 16, 0, int.MaxValue);
        bool echo = f.Flag("echo", false);
        int[]? stopIds = f.Ints("stop_token_ids");
        RequireIds(stopIds, model, "stop_token_ids");
        IReadOnlyList<int> stops = [.. stopIds ?? [],
            .. f.Flag("ignore_eos", false) || model.Tokenizer?.EndOfText is not { } end ? [] : (int[])[end]];
        string[] texts = f.Texts("stop") ?? [];
        if (texts.Length > MostStops || texts.Any(s => s.Length == 0))
            throw new BadRequestException(
                $"stop has {texts.Length} texts; expected 1 to {MostStops}, none of "
                + "them empty", "stop");
        float temperature = f.Float("temperature", 1, 0, 2), topP = f.Float("top_p", 1, 0, 1);
        if (topP == 0)
            throw f.Bad("top_p", "more than 0 and at most 1");
        IReadOnlyList<int[]> prompts = ReadPrompts(f, model,
            f.Has("add_special_tokens") ? f.Flag("add_special_tokens", false) : null,
            f.Int("truncate_prompt_tokens", int.MaxValue, 1, int.MaxValue));
        (IReadOnlyList<Edit> edits, string editsText) = ReadEdits(f, model, prompts, maxTokens, locate);
        var request = new CompletionRequest
        {
            Model = model.Name,
            Prompts = prompts,
            Choices = n, BestOf = best, Echo = echo, MaxTokens = maxTokens, Stops = texts, Stream = stream,
            LogProbabilities = f.Has("logprobs") ? f.Int("logprobs", 0, 0, MostTop) : null,
            Sampling = new SamplingOptions(temperature == 0 ? 1 : temperature,
                f.Int("top_k", 0, -1, int.MaxValue) is var k and > 0 ? k : 0, topP, temperature == 0),
            Rules = ReadRules(f, model, stops),
            Seed = ReadSeed(f),
            KeepsStop = f.Flag("include_stop_str_in_output", false), StopTokens = stops,
            IncludesUsage = options?.Flag("include_usage", false) ?? false,
            ReturnsIds = f.Flag("return_token_ids", false),
            TokensAsIds = f.Flag("return_tokens_as_token_ids", false),
            Priority = f.Int("priority", 0, 0, 100), CacheSalt = f.Text("cache_salt") ?? "",
            Edits = edits, EditsText = editsText,
        };
        if (f.Has("user"))
            _ = f.Text("user");
        foreach (int[] prompt in request.Prompts)
            if (prompt.Length + maxTokens > worker.Capacity)
                throw new BadRequestException($"the model's context is {worker.Capacity} tokens; the prompt "
                    + $"has {prompt.Length} and max_tokens is {maxTokens}", "prompt",
                    "context_length_exceeded");
        return request;
    }

    static IReadOnlyList<int[]> ReadPrompts(RequestFields f, ResidentModel model, bool? begin, int most)
    {
        if (!f.TryGet("prompt", out JsonElement prompt))
            throw f.Bad("prompt", "a text, a list of texts, token ids, or lists of token ids");
        IReadOnlyList<int[]> rows = PromptRows.Read(f, "prompt", prompt, model, begin);
        if (rows.Count > MostPrompts)
            throw new BadRequestException(
                $"{rows.Count} prompts; expected at most {MostPrompts}", "prompt");
        return [.. rows.Select(r => r.Length > most ? r[^most..] : r)];
    }

    static LogitRules ReadRules(RequestFields f, ResidentModel model, IReadOnlyList<int> stops)
    {
        int[]? allowed = f.Ints("allowed_token_ids");
        RequireIds(allowed, model, "allowed_token_ids");
        if (allowed is { Length: 0 })
            throw f.Bad("allowed_token_ids", "at least one token id");
        float repetition = f.Float("repetition_penalty", 1, 0, 100);
        return new LogitRules
        {
            Bias = ReadBias(f, model),
            FrequencyPenalty = f.Float("frequency_penalty", 0, -2, 2),
            PresencePenalty = f.Float("presence_penalty", 0, -2, 2),
            RepetitionPenalty = repetition > 0 ? repetition : throw f.Bad("repetition_penalty",
                "more than 0"),
            MinP = f.Float("min_p", 0, 0, 1), Allowed = allowed,
            Stops = stops, MinTokens = f.Int("min_tokens", 0, 0, int.MaxValue),
        };
    }

    static Dictionary<int, float> ReadBias(RequestFields f, ResidentModel model)
    {
        var bias = new Dictionary<int, float>();
        if (f.Object("logit_bias") is not { } given)
            return bias;
        foreach (JsonProperty p in given.Json.EnumerateObject())
        {
            if (!int.TryParse(p.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                || id >= model.Config.VocabSize)
                throw new BadRequestException(
                    $"logit_bias has {Quoted.Name(p.Name)}; expected token ids from 0 "
                    + $"to {model.Config.VocabSize - 1}", "logit_bias");
            bias[id] = given.Float(p.Name, 0, -100, 100);
        }
        return bias;
    }

    static ulong ReadSeed(RequestFields f)
    {
        if (!f.TryGet("seed", out JsonElement given))
            return BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
        return given.ValueKind == JsonValueKind.Number && given.TryGetInt64(out long seed)
            ? unchecked((ulong)seed) : throw f.Bad("seed", "a whole number of 64 bits");
    }

    // Each text has the edits for itself, so a list of one text stands for all: an edit has to reach one.
    static (IReadOnlyList<Edit>, string) ReadEdits(RequestFields f, ResidentModel model,
        IReadOnlyList<int[]> prompts, int maxTokens, Func<string, string> locate)
    {
        if (f.Object("headtap") is not { } ours)
            return ([], "");
        ours.Only("edits");
        if (!ours.TryGet("edits", out JsonElement list))
            return ([], "");
        IReadOnlyList<Edit> edits = AccessCall.ReadEdits(
            list, model, [.. prompts.Select(p => p.Length)], maxTokens, locate);
        return edits.Any(e => e.Rows is not null)
            ? throw new BadRequestException(
                "rows: an edit of completions holds for every text; leave rows out",
                "headtap.edits")
            : (edits, list.GetRawText());
    }

    static void RequireIds(int[]? ids, ResidentModel model, string param)
    {
        foreach (int id in ids ?? [])
            if (id < 0 || id >= model.Config.VocabSize)
                throw new BadRequestException($"{param} has {id}; expected token ids from 0 to "
                    + $"{model.Config.VocabSize - 1}", param);
    }
}
