using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using HeadTap.Circuits;
using HeadTap.Lens;

namespace HeadTap.Jobs;

/// <summary>One head: its scores, which are null in JSON where the text can give none, and what else is
/// known of it.</summary>
public sealed record HeadResult : HeadScores
{
    /// <summary>A head of which only the scores are known.</summary>
    /// <param name="scores">Its scores.</param>
    [SetsRequiredMembers]
    internal HeadResult(HeadScores scores) : base(scores)
    {
    }

    /// <inheritdoc cref="HeadEffect.Effect"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public double? AblationEffect { get; init; }

    /// <summary>Lower end of its 95 % interval; NaN with one window.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public double? AblationLow { get; init; }

    /// <summary>Upper end of its 95 % interval.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public double? AblationHigh { get; init; }

    /// <summary>Words by the lens that most examples have; null without a lens, or if it has not the
    /// layer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public IReadOnlyList<HeadWord>? Words { get; init; }

    /// <summary>The earlier heads that it can read most, three of each kind.</summary>
    [JsonPropertyOrder(1)]
    public IReadOnlyList<ComposedHead> Composition { get; init; } = [];

    /// <summary>Places where it writes most, most first.</summary>
    [JsonPropertyOrder(1)]
    public IReadOnlyList<HeadExampleResult> Examples { get; init; } = [];

    /// <summary>The same head of a second model, without its examples and composition; null without
    /// one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public HeadResult? Other { get; init; }

    /// <summary>Of the scores of attention the one that differs most there; null where none
    /// differs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonPropertyOrder(1)]
    public HeadChange? ChangedMost { get; init; }

    internal static HeadResult Of(HeadScores scores, HeadEffect? effect) => new(scores)
    {
        AblationEffect = effect?.Effect, AblationLow = effect?.Interval.Low,
        AblationHigh = effect?.Interval.High,
    };
}

/// <summary>A word that a lens finds in what a head writes.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Examples">Number of the head's examples that have it among their words.</param>
public sealed record HeadWord(int Id, string Text, int Examples);

/// <summary>An earlier head whose output a head can read.</summary>
/// <param name="Kind">q, k or v: what of the reading head it enters.</param>
/// <param name="Layer">Layer of the earlier head.</param>
/// <param name="Head">The earlier head.</param>
/// <param name="Score">Composition score, 0 to 1.</param>
public sealed record ComposedHead(string Kind, int Layer, int Head, double Score);

/// <summary>A key that a head looks at in an example.</summary>
/// <param name="Position">Position in the window, from 0.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Attention">Attention, 0 to 1.</param>
public sealed record HeadKeyResult(int Position, string Text, double Attention);

/// <summary>A place where a head writes much.</summary>
/// <param name="Window">Index of the window, from 0.</param>
/// <param name="Position">Position in the window, from 0.</param>
/// <param name="Norm">Length of what the head writes there.</param>
/// <param name="Before">The last tokens up to the position, as text.</param>
/// <param name="Keys">What it looks at from there.</param>
/// <param name="Words">Words by the lens; null without one.</param>
public sealed record HeadExampleResult(int Window, int Position, double Norm, IReadOnlyList<string> Before,
    IReadOnlyList<HeadKeyResult> Keys,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<LensTokenResult>? Words)
{
    const int Shown = 24;

    internal static HeadExampleResult Of(HeadExample example, LensText text, LensWords? words) => new(
        example.Window, example.Position, example.Norm,
        [.. example.Tokens.Take(example.Position + 1).TakeLast(Shown).Select(text.Of)],
        [.. example.Keys.Select(k => new HeadKeyResult(
            k.Position, text.Of(example.Tokens[k.Position]), k.Attention))],
        words is null ? null : text.Tokens(words));
}

/// <summary>All heads of a model.</summary>
/// <param name="Heads">Heads by layer; this list is the JSON.</param>
public sealed record HeadsResult(IReadOnlyList<HeadResult> Heads)
{
    /// <summary>Pairs of each kind in <see cref="Compositions"/>.</summary>
    internal const int TopCompositions = 10;

    /// <summary>Number of windows.</summary>
    public int Windows { get; init; }

    /// <summary>Number of tokens in them.</summary>
    public long Tokens { get; init; }

    /// <summary>What the windows are, in a few words.</summary>
    public string TextName { get; init; } = "";

    /// <summary>The lens in one line; null without one.</summary>
    public string? LensLine { get; init; }

    /// <summary>Names of the two models; null for one model.</summary>
    public (string First, string Second)? Models { get; init; }

    /// <summary>Number of windows on which heads were ablated; 0 for none.</summary>
    public int AblationWindows { get; init; }

    /// <summary>The largest composition scores of each kind.</summary>
    public IReadOnlyList<Composition> Compositions { get; init; } = [];
}
