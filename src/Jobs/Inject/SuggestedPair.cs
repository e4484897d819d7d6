using System.Text;
using System.Text.Json;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The findings for a pair.</summary>
/// <param name="Pair">Pair of prompts.</param>
/// <param name="Hop">Layer and head where the pair fails.</param>
/// <param name="Before">Probability and rank of the answer without an injection.</param>
/// <param name="Each">One suggestion per kind of memory.</param>
/// <param name="Chosen">Suggestion that is proposed.</param>
/// <param name="Cosine">Cosine between the layer's attention outputs for the two prompts.</param>
public sealed record SuggestedPair(EncodedPair Pair, FailingHop Hop, AnswerStanding Before,
    IReadOnlyList<Suggestion> Each, Suggestion Chosen, double Cosine)
{
    /// <summary>Whether both prompts have the same most probable next token without an injection.</summary>
    public bool SameNext { get; init; }
}

/// <summary>Makes results and sentences of suggestions.</summary>
/// <param name="tokenizer">Tokenizer of the model.</param>
/// <param name="hasBridge">Whether a bridge was given.</param>
/// <param name="hasAnswer">Whether an answer was given.</param>
/// <param name="bos">Token id before each prompt; null for none.</param>
sealed class SuggestionText(ByteBpeTokenizer tokenizer, bool hasBridge, bool hasAnswer, int? bos)
{
    const int ShownTokens = 5;

    /// <summary>Makes the result of one pair.</summary>
    internal InjectSuggestOneResult Result(SuggestedPair found) => new(found.Pair.Pair.Explicit,
        found.Pair.Pair.Obscure, hasBridge ? found.Pair.Pair.Bridge : null, found.Hop.Layer, found.Hop.Head,
        found.Hop.Divergence, found.Hop.ByLayer, found.Hop.ByHead, found.Cosine,
        hasAnswer ? found.Before.Probability : null, hasAnswer ? found.Before.Rank : null,
        [.. found.Each.Select(Result)], Suggestion.Word(found.Chosen.Kind), Reason(found),
        EditSpec.ToJson([found.Chosen.ToEdit()]))
    {
        Found = found, HasAnswer = hasAnswer, Bos = bos,
    };

    /// <summary>Makes the result of all pairs of a file.</summary>
    internal InjectSuggestAllResult Result(IReadOnlyList<SuggestedPair> found) => new(found.Count,
        found.Average(f => f.Before.Probability),
        found.GroupBy(f => f.Hop.Layer).OrderBy(g => g.Key).ToDictionary(g => $"{g.Key}", g => g.Count()),
        found.GroupBy(f => (f.Hop.Layer, f.Hop.Head)).OrderByDescending(g => g.Count()).ThenBy(g => g.Key)
            .Take(5).ToDictionary(g => $"{g.Key.Layer}.{g.Key.Head}", g => g.Count()),
        [.. found.Select(Result)]);

    /// <summary>Writes one JSON row per pair.</summary>
    internal static void Write(string path, IReadOnlyList<InjectSuggestOneResult> found, Manifest manifest)
    {
        AtomicFile.Write(path, stream =>
        {
            foreach (InjectSuggestOneResult pair in found)
                stream.Write([.. Encoding.UTF8.GetBytes(JsonSerializer.Serialize(pair,
                    InjectRowsJson.Default.InjectSuggestOneResult)), (byte)'\n']);
        });
        manifest.WriteBeside(path);
    }

    SuggestedMemoryResult Result(Suggestion s) => new(Suggestion.Word(s.Kind), s.Layer, s.Tau, s.Tokens,
        [.. s.Tokens.Select(t => tokenizer.TokenText(t))], s.Divergence,
        hasAnswer ? s.Answer.Probability : null, hasAnswer ? s.Answer.Rank : null)
    {
        // Where nothing is missing every token is raised by 0, and the first of the vocabulary come first.
        Shown = s is { Tau: 0, Kind: SuggestedMemory.DifferenceTokens } ? "" : List(s),
    };

    string Reason(SuggestedPair found)
    {
        Suggestion s = found.Chosen;
        string fails = hasAnswer ? found.Before.Rank > 1 ? ""
                : "The multi-hop prompt does not fail: the answer is its most probable next token. "
            : !found.SameNext ? ""
                : "The multi-hop prompt does not fail: its most probable next token is that of the "
                    + "single-hop prompt. ";
        return fails + Hops(found.Hop)
            + (s.Tau == 0 ? "no memory of the kind asked for comes nearer than nothing."
            : $"{Suggestion.Word(s.Kind)}{(s.Tokens.Count > 0 ? " (" + List(s) + ")" : "")} with tau "
                + $"{s.Tau:0.###} gives {Nats(s.Divergence)}.");
    }

    static string Hops(FailingHop hop)
    {
        string before = Nats(hop.Divergence), after = Nats(hop.ByLayer[hop.Layer]);
        if (!(hop.ByLayer[hop.Layer] < hop.Divergence)) // where nothing fails, no layer need be nearer
            return $"The next token is {before} nats from the single-hop prompt's, and no layer's attention "
                + "output of that prompt brings it nearer; ";
        return $"With layer {hop.Layer}'s attention output at the last position as the single-hop prompt has "
            + $"it, the next token is {after} nats from that prompt's instead of {before}, nearer than with "
            + $"any other layer's; head {hop.Layer}.{hop.Head} alone gives {Nats(hop.ByHead[hop.Head])}; ";
    }

    // Small divergences differ in digits that two decimals do not have.
    static string Nats(double divergence)
        => divergence < 0.1 ? $"{divergence:0.00####}" : $"{divergence:0.00}";

    string List(Suggestion s) => string.Join(' ', s.Tokens.Take(ShownTokens)
        .Select(t => VisibleText.Of(tokenizer.TokenText(t))))
        + (s.Tokens.Count > ShownTokens ? " ..." : "");
}
