using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Cli;

/// <summary>Tokens of a vocabulary by name, and what lenses say in them.</summary>
/// <param name="tokenizer">Null where the model has none: tokens are then their ids.</param>
sealed class LensText(ByteBpeTokenizer? tokenizer)
{
    /// <summary>A token as it stands in a text; its id where no text is known.</summary>
    internal string Of(int token)
        => tokenizer is not null && token < tokenizer.VocabSize ? tokenizer.TokenText(token) : $"{token}";

    /// <summary>A token as one visible word.</summary>
    internal string Visible(int token) => PromptOptions.Visible(Of(token));

    /// <summary>Tokens in a row.</summary>
    internal string List(IEnumerable<LensToken> tokens)
        => string.Join(' ', tokens.Select(t => Visible(t.Id)));

    /// <summary>The model's tokens with their probabilities.</summary>
    internal string List(IEnumerable<ModelToken> tokens)
        => string.Join("  ", tokens.Select(t => $"{Visible(t.Id)} {t.Probability:P1}"));

    internal JsonArray Json(LensWords words) => [.. words.Top.Select(t => new JsonObject
    {
        ["id"] = t.Id, ["text"] = Of(t.Id), ["logit"] = JsonNumber.Of(t.Logit),
    })];

    internal JsonArray Json(IEnumerable<ModelToken> tokens) => [.. tokens.Select(t => new JsonObject
    {
        ["id"] = t.Id, ["text"] = Of(t.Id), ["logit"] = JsonNumber.Of(t.Logit),
        ["p"] = JsonNumber.Of(t.Probability),
    })];

    /// <summary>A lens' kind in words.</summary>
    internal static string Kind(LensOptions lens) => lens.Kind switch
    {
        LensKind.LowRank => $"low-rank lens (rank {lens.Rank})",
        _ => $"{Word(lens.Kind)} lens",
    };

    /// <summary>A kind as the command line has it.</summary>
    internal static string Word(LensKind kind)
        => kind == LensKind.LowRank ? "low-rank" : kind.ToString().ToLowerInvariant();
}
