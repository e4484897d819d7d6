using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectRunJob"/>.</summary>
public sealed record InjectRunOptions
{
    /// <summary>The model and one prompt.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>The memory as text, including a leading space if it has one.</summary>
    public string? Memory { get; init; }

    /// <summary>The memory as token ids: "1,2".</summary>
    public string? MemoryIds { get; init; }

    /// <summary>The answer; its first token with a space before it is scored.</summary>
    public string? Answer { get; init; }

    /// <summary>The answer as a token id.</summary>
    public int? AnswerId { get; init; }

    /// <summary>Layer, from 0; several are separated by commas.</summary>
    public required string Layer { get; init; }

    /// <summary>Magnitude tau of the memory.</summary>
    public float Tau { get; init; } = 3;

    /// <summary>Whether tau is in units of the residual stream's norm.</summary>
    public bool Relative { get; init; }

    /// <summary>Encoder: unembed, embed, layer or jacobian.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>Folder of the Jacobian lens of the encoder jacobian; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Weights: raw, or transformer-lens (LayerNorm folded, centred; the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>Site: attn_out, result, mlp_out, resid_pre, resid_mid or resid_post.</summary>
    public string Site { get; init; } = "attn_out";

    /// <summary>Head of the site result, from 0; null for other sites.</summary>
    public int? Head { get; init; }

    /// <summary>Positions: all, last, or a span like 2-4.</summary>
    public string Position { get; init; } = "all";

    /// <summary>Number of tokens to list; at least 1.</summary>
    public int Top { get; init; } = 10;

    /// <summary>
    /// File for the injection as an edit spec, which trace and generate can replay, with a manifest beside
    /// it; null for none.
    /// </summary>
    public string? EditOut { get; init; }
}

/// <summary>A token and its probability.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">Token as text, or its number if the folder has no tokenizer.</param>
/// <param name="P">Probability, 0 to 1.</param>
public sealed record ChanceOfToken(int Id, string Text, double P);

/// <summary>Probability and rank of an answer before and after an injection.</summary>
/// <param name="AnswerId">Token id of the answer.</param>
/// <param name="Answer">The answer's token as text.</param>
/// <param name="MemoryIds">Token ids of the memory.</param>
/// <param name="Layers">Layers that received the memory, from 0.</param>
/// <param name="Tau">Magnitude in each of the layers.</param>
/// <param name="ProbabilityBefore">Probability of the answer before, 0 to 1.</param>
/// <param name="ProbabilityAfter">Probability of the answer after, 0 to 1.</param>
/// <param name="RankBefore">Rank of the answer before; 1 is the most probable token.</param>
/// <param name="RankAfter">Rank of the answer after; 1 is the most probable token.</param>
/// <param name="SurprisalBefore">Surprisal of the answer before, nats.</param>
/// <param name="SurprisalAfter">Surprisal of the answer after, nats.</param>
/// <param name="TopBefore">Most probable tokens before.</param>
/// <param name="TopAfter">Most probable tokens after.</param>
/// <param name="Edit">The injection as an edit spec.</param>
public sealed record InjectRunResult(int AnswerId, string Answer, IReadOnlyList<int> MemoryIds,
    IReadOnlyList<int> Layers, IReadOnlyList<float> Tau,
    [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    [property: JsonPropertyName("p_after")] double ProbabilityAfter, int RankBefore, int RankAfter,
    double SurprisalBefore, double SurprisalAfter, IReadOnlyList<ChanceOfToken> TopBefore,
    IReadOnlyList<ChanceOfToken> TopAfter, JsonObject Edit)
{
    /// <summary>Token id before the prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Runs one prompt without and with a memory.</summary>
public static class InjectRunJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the model.</exception>
    public static InjectRunResult Run(InjectRunOptions options, JobContext context)
        => All(options, context) is [var one] ? one
            : throw new UserException("several prompts; expected one");

    /// <summary>Runs every prompt of a file with the same memory and answer; the model is loaded
    /// once.</summary>
    /// <exception cref="UserException">An option does not fit the model.</exception>
    public static IReadOnlyList<InjectRunResult> All(InjectRunOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        if (rows.Length > 1 && options.EditOut is not null)
            throw new UserException($"{rows.Length} prompts; expected one for the edit of "
                + $"{Field.Of(nameof(options.EditOut))}");
        bool processed = InjectionWords.Processed(options.Weights);
        int answer = ReadAnswer(prompt, options), top = options.Top;
        Memory[][] memories = [.. rows.Select(row => ReadMemories(prompt, row, options))];
        if (top < 1 || top > prompt.Config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {top}; expected 1 to "
                + $"{prompt.Config.VocabSize}");
        if (options.EditOut is { } place)
            OutputFile.Require(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(
            context, device, prompt.Folder, processed, begin: prompt.Begin);
        var results = new List<InjectRunResult>();
        for (int i = 0; i < rows.Length; i++)
        {
            context.Report("injecting", (double)i / rows.Length);
            results.Add(Run(options, context, loaded.Model, prompt, rows[i], memories[i], answer));
        }
        return results;
    }

    static InjectRunResult Run(InjectRunOptions options, JobContext context, LanguageModel model,
        Prompt prompt, int[] tokens, Memory[] memories, int answer)
    {
        if (options.Relative)
            memories = [.. memories.Select(m => m.RelativeToStream(model, tokens))];
        Injection found = Injection.Run(model, tokens, answer, memories, options.Top);
        if (options.EditOut is { } spec)
        {
            JobEdits.Write(spec, found.Edits, context);
            Made(options, prompt, tokens, memories, answer, model.Device).WriteBeside(spec);
        }
        return new InjectRunResult(answer, prompt.Piece(answer), memories[0].Tokens,
            [.. memories.Select(m => m.Layer)], [.. memories.Select(m => m.Tau)],
            found.Before.Probability, found.After.Probability, found.Before.Rank, found.After.Rank,
            found.Before.Surprisal, found.After.Surprisal, Top(prompt, found.Before),
            Top(prompt, found.After), EditSpec.ToJson(found.Edits))
        {
            Bos = prompt.Bos,
        };
    }

    static Manifest Made(InjectRunOptions options, Prompt prompt, int[] tokens, Memory[] memories, int answer,
        ComputeDevice device) => OutputFile.ManifestOf("inject run", new JsonObject
        {
            ["model"] = prompt.Folder,
            ["tokens"] = new JsonArray([.. tokens.Select(t => (JsonNode)t)]),
            ["bos"] = prompt.Bos,
            ["memory_ids"] = new JsonArray([.. memories[0].Tokens.Select(t => (JsonNode)t)]),
            ["answer_id"] = answer,
            ["layers"] = new JsonArray([.. memories.Select(m => (JsonNode)m.Layer)]),
            ["tau"] = options.Tau, ["relative"] = options.Relative, ["encoder"] = options.Lens is { } lens
                ? $"{options.Encoder} {FileHash.Sha256(Path.Combine(lens, StreamJacobian.WeightsFile))}"
                : options.Encoder,
            ["weights"] = options.Weights, ["site"] = options.Site, ["head"] = options.Head,
            ["position"] = options.Position,
        }, prompt.Folder, device);

    static ChanceOfToken[] Top(Prompt prompt, AnswerStanding standing)
        => [.. standing.Top.Select(t => new ChanceOfToken(t.Token, prompt.Piece(t.Token), t.Probability))];

    static int ReadAnswer(Prompt prompt, InjectRunOptions options)
    {
        (string? text, int? id) = (options.Answer, options.AnswerId);
        if (text is null == id is null)
            throw new UserException((text is null ? "no answer" : "two answers")
                + $"; expected {Field.Of(nameof(options.Answer))} or {Field.Of(nameof(options.AnswerId))}");
        int V = prompt.Config.VocabSize;
        if (id is { } given)
            return given >= 0 && given < V ? given
                : throw new UserException($"{Field.Of(nameof(options.AnswerId))} is {given}; expected a "
                + $"token id from 0 to {V - 1}");
        // As in the paper, the first token is scored.
        int[] ids = EncodedPair.AnswerTokens(text!, Tokenizer(prompt, nameof(options.AnswerId)));
        if (ids.Length == 0 || ids[0] >= V)
            throw new UserException($"{Field.Of(nameof(options.Answer))} is {Quoted.Name(text!)}, which is "
                + "no token of this vocabulary");
        return ids[0];
    }

    static Memory[] ReadMemories(Prompt prompt, int[] tokens, InjectRunOptions options)
    {
        ModelConfig config = prompt.Config;
        (string? text, string? ids) = (options.Memory, options.MemoryIds);
        if (text is null == ids is null)
            throw new UserException((text is null ? "no memory" : "two memories")
                + $"; expected {Field.Of(nameof(options.Memory))} or {Field.Of(nameof(options.MemoryIds))}");
        int[] memory = ids is not null ? TokenRowsFile.ParseIds(ids, nameof(options.MemoryIds))
            : Tokenizer(prompt, nameof(options.MemoryIds)).Encode(text!);
        if (memory.Length == 0)
            throw new UserException(
                Field.Of(text is null ? nameof(options.MemoryIds) : nameof(options.Memory))
                + " has no tokens; expected at least one");
        SiteKind target = InjectionWords.Target(options.Site);
        if (options.Head is not null && target != SiteKind.Result)
            throw new UserException($"{Field.Of(nameof(options.Head))} belongs to "
                + $"{Field.Of(nameof(options.Site))} result; leave it out");
        MemoryEncoder encoder = InjectionWords.Encoder(options.Encoder);
        EditPositions positions = InjectionWords.Positions(options.Position, tokens.Length);
        int[] layers = InjectionWords.Layers(options.Layer, config);
        JacobianDirections.Require(options.Lens, [encoder],
            (prompt.Folder, config, InjectionWords.Processed(options.Weights)), layers, target);
        Memory[] memories = [.. layers.Select(layer =>
            new Memory(memory, layer, options.Tau)
            {
                Encoder = encoder, Lens = options.Lens, Target = target,
                Head = options.Head, Positions = positions,
            })];
        foreach (int token in memory)
            if (token >= config.VocabSize)
                throw new UserException(
                    $"the memory's token {token} is outside the vocabulary of {config.VocabSize}");
        if (encoder != MemoryEncoder.Layer) // else the vector needs the model, and always fits
            foreach (Memory m in memories)
                m.ToEdit().Validate(config);
        return memories;
    }

    static ByteBpeTokenizer Tokenizer(Prompt prompt, string instead)
    {
        if (prompt.Tokenizer is { } found)
            return found;
        ModelFolder.RequireWeights(prompt.Folder); // of another program: that says more
        throw new UserException($"{prompt.Folder}: no tokenizer files; give {Field.Of(instead)}");
    }
}
