using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A text whose inner values are asked for.</summary>
/// <param name="Ids">Token ids; null where <paramref name="Text"/> is given.</param>
/// <param name="Text">The text; null where ids are given.</param>
public sealed record AccessInput(int[]? Ids, string? Text);

/// <summary>A gradient that is asked for.</summary>
/// <param name="Of"><c>loss</c>, <c>logprob:A</c> or <c>logit-diff:A,B</c>, tokens as ids or as texts of one
/// token. The loss is the mean cross-entropy of an input's own next tokens; the others are of its last
/// token.</param>
/// <param name="At">Sites, as names or globs.</param>
/// <param name="Parameters">Names of parameters, as in the checkpoint.</param>
public sealed record AccessGradient(
    string Of, IReadOnlyList<string> At, IReadOnlyList<string> Parameters);

/// <summary>A continuation that is asked for beside the reads.</summary>
/// <param name="MaxTokens">Most tokens to add.</param>
/// <param name="Sampling">How they are chosen; greedy unless the request says otherwise.</param>
/// <param name="Seed">Seed of the draws; each input has a stream of its own.</param>
public sealed record AccessGeneration(int MaxTokens, SamplingOptions Sampling, ulong Seed);

/// <summary>
/// A request for a model's inner values: inputs, reads, edits, gradients, a continuation. It is data and no
/// code, so it can be checked, stored and run again.
/// </summary>
public sealed record AccessRequest
{
    /// <summary>Most inputs of a request.</summary>
    public const int MostInputs = 1024;

    static readonly string[] s_fields =
        ["model", "inputs", "bos", "reads", "edits", "lens", "grads", "generate", "logits",
            "encoding", "tensors", "dry_run"];

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The texts.</summary>
    public required IReadOnlyList<AccessInput> Inputs { get; init; }

    /// <summary>Whether the begin-of-text token stands before texts; null for what the model
    /// expects.</summary>
    public bool? Begin { get; init; }

    /// <summary>What to read.</summary>
    public IReadOnlyList<SiteRead> Reads { get; init; } = [];

    /// <summary>Edits as in an edit spec; null for none.</summary>
    public JsonElement? Edits { get; init; }

    /// <summary>What to read through a lens; null for nothing.</summary>
    public AccessLens? Lens { get; init; }

    /// <summary>The gradient; null for none.</summary>
    public AccessGradient? Gradient { get; init; }

    /// <summary>The continuation; null for none.</summary>
    public AccessGeneration? Generation { get; init; }

    /// <summary>Whether the reply has the logits after each input.</summary>
    public bool Logits { get; init; } = true;

    /// <summary>Whether numbers are base64 of float32 instead of lists.</summary>
    public bool Base64 { get; init; }

    /// <summary>Whether the tensors are a file of the caller, which the reply names, instead of a part of
    /// it.</summary>
    public bool AsFile { get; init; }

    /// <summary>Whether to say only what the request would cost.</summary>
    public bool DryRun { get; init; }

    /// <summary>Reads a request.</summary>
    /// <exception cref="BadRequestException">A field is wrong or unknown.</exception>
    public static AccessRequest Parse(JsonElement body)
    {
        RequestFields f = RequestFields.Of(body, "");
        f.Only(s_fields);
        return new AccessRequest
        {
            Model = f.Text("model") ?? throw f.Bad("model", "the name of a model"),
            Inputs = ParseInputs(f),
            Begin = f.Has("bos") ? f.Flag("bos", false) : null,
            Reads = [.. f.Objects("reads").Select(SiteRead.Parse)],
            Edits = f.TryGet("edits", out JsonElement edits) ? ListOf(f, edits) : null,
            Lens = f.Object("lens") is { } l ? AccessLens.Parse(l) : null,
            Gradient = f.Object("grads") is { } g ? ParseGradient(g) : null,
            Generation = f.Object("generate") is { } n ? ParseGeneration(n) : null,
            Logits = f.Flag("logits", true),
            Base64 = (f.Text("encoding") ?? "list") switch
            {
                "list" => false,
                "base64" => true,
                _ => throw f.Bad("encoding", "list or base64"),
            },
            AsFile = (f.Text("tensors") ?? "inline") switch
            {
                "inline" => false,
                "file" => true,
                _ => throw f.Bad("tensors", "inline or file"),
            },
            DryRun = f.Flag("dry_run", false),
        };
    }

    /// <summary>
    /// The request with every default written out and texts as token ids, in a fixed order of fields: what
    /// decides the reply beside the model.
    /// </summary>
    /// <param name="rows">The inputs' tokens.</param>
    public JsonObject Canonical(IReadOnlyList<int[]> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var canonical = new JsonObject
        {
            ["model"] = Model,
            ["inputs"] = new JsonArray([.. rows.Select(r => new JsonObject { ["ids"] = Numbers(r) })]),
            ["reads"] = new JsonArray([.. Reads.Select(r => new JsonObject
            {
                ["site"] = r.Site,
                ["heads"] = r.Heads is null ? null : Numbers(r.Heads),
                ["positions"] = r.Positions is null ? null : Numbers(r.Positions),
                ["reduce"] = WordOf(r),
            })]),
            ["edits"] = Edits is { } edits ? JsonNode.Parse(edits.GetRawText()) : new JsonArray(),
            ["lens"] = Lens?.ToJson(),
            ["grads"] = Gradient is not { } g ? null : new JsonObject
            {
                ["of"] = g.Of, ["at"] = Words(g.At), ["parameters"] = Words(g.Parameters),
            },
            ["generate"] = Generation is not { } n ? null : new JsonObject
            {
                ["max_tokens"] = n.MaxTokens,
                ["temperature"] = n.Sampling.Greedy ? 0 : n.Sampling.Temperature,
                ["top_k"] = n.Sampling.TopK, ["top_p"] = n.Sampling.TopP, ["seed"] = n.Seed,
            },
            ["logits"] = Logits,
            ["encoding"] = Base64 ? "base64" : "list",
        };
        if (AsFile) // left out where inline, so that records of older versions keep their hash
            canonical["tensors"] = "file";
        return canonical;
    }

    /// <summary>The name of a canonical request: SHA-256 of its JSON.</summary>
    public static string HashOf(JsonObject canonical)
    {
        ArgumentNullException.ThrowIfNull(canonical);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToJsonString())));
    }

    static JsonElement ListOf(RequestFields f, JsonElement edits) => edits.ValueKind == JsonValueKind.Array
        ? edits.Clone() : throw f.Bad("edits", "a list of edits");

    static List<AccessInput> ParseInputs(RequestFields f)
    {
        IReadOnlyList<RequestFields> objects = f.Objects("inputs");
        if (objects.Count == 0 || objects.Count > MostInputs)
            throw f.Bad("inputs", $"1 to {MostInputs} objects with ids or text");
        var inputs = new List<AccessInput>();
        foreach (RequestFields input in objects)
        {
            input.Only("ids", "text");
            if (input.Has("ids") == input.Has("text"))
                throw new BadRequestException($"{input.Path}ids and {input.Path}text: expected one of them",
                    input.Path.TrimEnd('.'));
            inputs.Add(new AccessInput(input.Ints("ids"), input.Text("text")));
        }
        return inputs;
    }

    static AccessGradient ParseGradient(RequestFields g)
    {
        g.Only("of", "at", "parameters");
        var gradient = new AccessGradient(g.Text("of") ?? throw g.Bad("of",
            "loss, logprob:A or logit-diff:A,B"), g.Texts("at") ?? [], g.Texts("parameters") ?? []);
        return gradient.At.Count + gradient.Parameters.Count > 0 ? gradient
            : throw g.Bad("at", "at least one site, or parameters");
    }

    static AccessGeneration ParseGeneration(RequestFields n)
    {
        n.Only("max_tokens", "temperature", "top_k", "top_p", "seed");
        float temperature = n.Float("temperature", 0, 0, 100);
        ulong seed = 0;
        if (n.TryGet("seed", out JsonElement given)
            && !(given.ValueKind == JsonValueKind.Number && given.TryGetUInt64(out seed)))
            throw n.Bad("seed", "a whole number from 0");
        float topP = n.Float("top_p", 1, 0, 1);
        return new AccessGeneration(n.Int("max_tokens", 16, 1, int.MaxValue),
            new SamplingOptions(temperature == 0 ? 1 : temperature, n.Int("top_k", 0, 0, int.MaxValue),
                topP > 0 ? topP : throw n.Bad("top_p", "more than 0 and at most 1"), temperature == 0), seed);
    }

    static string WordOf(SiteRead read) => read.Reduction switch
    {
        Reduction.Last => "last",
        Reduction.Mean => "mean",
        Reduction.Norm => "norm",
        Reduction.Top => $"topk:{read.Top}",
        _ => "none",
    };

    internal static JsonArray Numbers(IEnumerable<int> numbers) => new([.. numbers.Select(n => (JsonNode)n)]);

    static JsonArray Words(IEnumerable<string> words) => new([.. words.Select(w => (JsonNode)w)]);
}
