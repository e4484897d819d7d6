using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A token and the logit that a lens gives it.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Logit, before any softmax.</param>
public sealed record LensTokenResult(int Id, string Text, double Logit);

/// <summary>A token that the model predicts next.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Logit, before any softmax.</param>
/// <param name="P">Probability, 0 to 1.</param>
public sealed record ModelTokenResult(int Id, string Text, double Logit, double P);

/// <summary>Formats tokens, and the readings of lenses as tokens.</summary>
/// <param name="tokenizer">Tokenizer of the model; null shows tokens as ids.</param>
public sealed class LensText(ByteBpeTokenizer? tokenizer)
{
    /// <summary>Returns a token as in a text; its id if the folder has no tokenizer.</summary>
    internal string Of(int token) => tokenizer?.TokenText(token) ?? $"{token}";

    /// <summary>Returns a token as one visible word.</summary>
    internal string Visible(int token) => VisibleText.Of(Of(token));

    /// <summary>Returns tokens as visible words with spaces between them.</summary>
    internal string List(IEnumerable<LensToken> tokens)
        => string.Join(' ', tokens.Select(t => Visible(t.Id)));

    /// <summary>Returns the tokens with the largest logits of a lens.</summary>
    internal IReadOnlyList<LensTokenResult> Tokens(LensWords words)
        => [.. words.Top.Select(t => new LensTokenResult(t.Id, Of(t.Id), t.Logit))];

    /// <summary>Returns the model's most probable tokens.</summary>
    internal IReadOnlyList<ModelTokenResult> Tokens(IEnumerable<ModelToken> tokens)
        => [.. tokens.Select(t => new ModelTokenResult(t.Id, Of(t.Id), t.Logit, t.Probability))];

    /// <summary>Returns a description of a lens in one line.</summary>
    /// <param name="source">Source of the lens.</param>
    /// <param name="name">Name of the lens as the user gave it.</param>
    internal static string Line(LensSource source, string name) => source.Facts is { } facts
        ? $"{Kind(facts.Lens)}, {name}" : "the model's own unembedding (logit lens)";

    /// <summary>Says of a lens that learned removals what it is no prediction of.</summary>
    /// <param name="source">Source of the lens; nothing is said of others.</param>
    /// <param name="context">Gets the remark.</param>
    /// <param name="so">What follows for this verb; empty for nothing.</param>
    internal static void RemarkOnRemovals(LensSource source, JobContext context, string so = "")
    {
        if (source.LearnsRemovals)
            context.Remark?.Invoke("this lens says what the removal of a head changes; the sum of its heads "
                + $"is no prediction{so}");
    }

    /// <summary>Returns a kind's name in options.</summary>
    internal static string Word(LensKind kind)
        => kind == LensKind.LowRank ? "low-rank" : kind.ToString().ToLowerInvariant();

    static string Kind(LensOptions lens) => lens.Kind switch
    {
        LensKind.LowRank => $"low-rank lens (rank {lens.Rank})",
        LensKind.Jacobian => $"jacobian lens ({lens.Site?.Word()})",
        _ => $"{Word(lens.Kind)} lens",
    };
}
