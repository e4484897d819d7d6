using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What each attention head says at the end of one prompt.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Answer">The right answer, with the space before it.</param>
/// <param name="Layers">Layers of the model.</param>
/// <param name="HeadsPerLayer">Heads of each layer.</param>
/// <param name="LensKind">The kind of the learned lens; null where the model's folder has none.</param>
/// <param name="All">Layer by layer, head by head.</param>
public sealed record TourHeads(string Prompt, string Answer, int Layers, int HeadsPerLayer, string? LensKind,
    IReadOnlyList<TourHead> All)
{
    const int TopTokens = 4;

    /// <summary>Reads all heads.</summary>
    /// <exception cref="UserException">The folder's lens is damaged or another model's.</exception>
    internal static TourHeads Read(LanguageModel model, string folder, string modelHash,
        ByteBpeTokenizer tokenizer, TourQuestion question)
    {
        var direct = DirectLogitAttribution.Read(model, question.Tokens);
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
                   learned?.Top(layer, head)),
        ]);
    }

    /// <summary>A token as a visible word; a number where the tokenizer lacks it.</summary>
    internal static string Word(ByteBpeTokenizer tokenizer, int token) =>
        token < tokenizer.VocabSize ? VisibleText.Of(tokenizer.TokenText(token)) : $"#{token}";
}

/// <summary>What one head says.</summary>
/// <param name="Layer">From 0.</param>
/// <param name="Head">From 0.</param>
/// <param name="Toward">How much it raises the right answer's logit above the vocabulary's mean.</param>
/// <param name="Top">The tokens that it raises most.</param>
/// <param name="Learned">The tokens with its largest lens logits, empty for a layer without a lens; null
/// where the model's folder has no lens.</param>
public sealed record TourHead(int Layer, int Head, float Toward, string Top, string? Learned);
