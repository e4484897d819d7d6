using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A token and the logit that a lens gives it.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Before any softmax.</param>
public sealed record LensTokenResult(int Id, string Text, double Logit);

/// <summary>A token as the model's own next one.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Before any softmax.</param>
/// <param name="P">Probability, 0 to 1.</param>
public sealed record ModelTokenResult(int Id, string Text, double Logit, double P);

/// <summary>Tokens of a vocabulary by name, and what lenses say in them.</summary>
/// <param name="tokenizer">Null where the model has none: tokens are then their ids.</param>
public sealed class LensText(ByteBpeTokenizer? tokenizer)
{
    /// <summary>A token as it stands in a text; its id where no text is known.</summary>
    internal string Of(int token)
        => tokenizer is not null && token < tokenizer.VocabSize ? tokenizer.TokenText(token) : $"{token}";

    /// <summary>A token as one visible word.</summary>
    internal string Visible(int token) => VisibleText.Of(Of(token));

    /// <summary>Tokens in a row.</summary>
    internal string List(IEnumerable<LensToken> tokens)
        => string.Join(' ', tokens.Select(t => Visible(t.Id)));

    /// <summary>A lens' largest logits.</summary>
    internal IReadOnlyList<LensTokenResult> Tokens(LensWords words)
        => [.. words.Top.Select(t => new LensTokenResult(t.Id, Of(t.Id), t.Logit))];

    /// <summary>The model's most probable tokens.</summary>
    internal IReadOnlyList<ModelTokenResult> Tokens(IEnumerable<ModelToken> tokens)
        => [.. tokens.Select(t => new ModelTokenResult(t.Id, Of(t.Id), t.Logit, t.Probability))];

    /// <summary>A lens in a line.</summary>
    /// <param name="source">The lens.</param>
    /// <param name="name">As the user named it.</param>
    internal static string Line(LensSource source, string name) => source.Facts is { } facts
        ? $"{Kind(facts.Lens)}, {name}" : "the model's own unembedding (logit lens)";

    /// <summary>A kind as options name it.</summary>
    internal static string Word(LensKind kind)
        => kind == LensKind.LowRank ? "low-rank" : kind.ToString().ToLowerInvariant();

    static string Kind(LensOptions lens) => lens.Kind switch
    {
        LensKind.LowRank => $"low-rank lens (rank {lens.Rank})",
        _ => $"{Word(lens.Kind)} lens",
    };
}
