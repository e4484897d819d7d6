using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The readings of all attention heads at the end of one prompt.</summary>
/// <param name="Prompt">Prompt.</param>
/// <param name="Answer">Right answer, with the space before it.</param>
/// <param name="Layers">Number of layers of the model.</param>
/// <param name="HeadsPerLayer">Number of heads per layer.</param>
/// <param name="LensKind">Kind of the learned lens; null if the model's folder has none.</param>
/// <param name="All">Readings by layer and head.</param>
public sealed record TourHeads(string Prompt, string Answer, int Layers, int HeadsPerLayer, string? LensKind,
    IReadOnlyList<TourHead> All)
{
    const int TopTokens = 4;

    /// <summary>Reads all heads of a model.</summary>
    /// <exception cref="UserException">The folder's lens is damaged or belongs to another model.</exception>
    internal static TourHeads Read(LanguageModel model, string folder, string modelHash,
        ByteBpeTokenizer tokenizer, TourQuestion question)
    {
        var direct = DirectLogitAttribution.Read(model, question.Tokens);
        HeadPlace[] places = [.. Enumerable.Range(0, model.Config.Layers).SelectMany(
            l => Enumerable.Range(0, model.Config.Heads).Select(h => new HeadPlace(l, h)))];
        using var removal = new HeadRemoval(model, question.Tokens.Length, new HeadRemovalOptions());
        double[][] changes = removal.Changes(
            question.Tokens, [question.Tokens.Length - 1], [question.Answer[0]], places);
        var learned = TourLens.Read(model, folder, modelHash, tokenizer, question);
        int L = model.Config.Layers, H = model.Config.Heads;
        return new TourHeads(question.Ask.Prompt, question.Ask.Answer, L, H,
            learned?.Facts.Lens.Kind.ToString(),
        [
            .. from layer in Enumerable.Range(0, L)
               from head in Enumerable.Range(0, H)
               select new TourHead(layer, head, direct.Toward(layer, head, question.Answer[0]),
                   string.Join("  ",
                       direct.Top(layer, head, TopTokens).Select(t => Word(tokenizer, t.Token))),
                   learned?.Top(layer, head), changes[layer * H + head][0]),
        ]);
    }

    /// <summary>Returns a token as a visible word.</summary>
    internal static string Word(ByteBpeTokenizer tokenizer, int token)
        => VisibleText.Of(tokenizer.TokenText(token));
}

/// <summary>The reading of one head.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="Toward">Amount by which it raises the right answer's logit above the vocabulary's
/// mean.</param>
/// <param name="Top">Tokens that it raises most.</param>
/// <param name="Learned">Tokens with its largest lens logits; empty for a layer without a lens, null if the
/// model's folder has no lens.</param>
/// <param name="Removed">Change of log p of the right answer's first token without the head (zero ablation),
/// nats.</param>
public sealed record TourHead(
    int Layer, int Head, float Toward, string Top, string? Learned, double Removed);
