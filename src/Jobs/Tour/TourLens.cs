using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The learned lens of the tour: readings of each head at the end of one prompt.</summary>
sealed class TourLens
{
    const int TopTokens = 4;

    readonly LensReadings _readings;
    readonly ByteBpeTokenizer _tokenizer;

    TourLens(LensReadings readings, LensMetadata facts, ByteBpeTokenizer tokenizer)
        => (_readings, Facts, _tokenizer) = (readings, facts, tokenizer);

    /// <summary>The metadata of the lens.</summary>
    internal LensMetadata Facts { get; }

    /// <summary>Reads a prompt through the lens in a model's folder.</summary>
    /// <returns>The readings; null if the folder has no lens, or one that reads no heads.</returns>
    /// <exception cref="UserException">The lens is damaged or belongs to another model.</exception>
    internal static TourLens? Read(
        LanguageModel model, string folder, string modelHash, ByteBpeTokenizer tokenizer,
        TourQuestion question)
    {
        string place = Path.Combine(folder, "lens");
        if (!File.Exists(Path.Combine(place, LensFolder.WeightsFile)))
            return null;
        LensSource source = LensSource.Find(place, model.Config, modelHash);
        if (!source.ReadsHeads || source.Facts is not { } facts)
            return null;
        var request = new LensRequest(source.Layers, [.. Enumerable.Range(0, model.Config.Heads)], TopTokens,
            WithBaseline: false);
        return new TourLens(LensReadings.OfPrompt(model, source, request, question.Tokens,
            [question.Tokens.Length - 1]), facts, tokenizer);
    }

    /// <summary>
    /// Returns the tokens with a head's largest lens logits; empty for a layer without a lens.
    /// </summary>
    internal string Top(int layer, int head)
        => _readings.Learned.FirstOrDefault(l => l.Layer == layer) is { } reading
            ? string.Join("  ",
                reading.Heads[head].Words[0].Top.Select(t => TourHeads.Word(_tokenizer, t.Id)))
            : "";
}
