using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The tour's learned lens: what each head says at the end of one prompt.</summary>
sealed class TourLens
{
    const int TopTokens = 4;

    readonly LensReadings _readings;
    readonly ByteBpeTokenizer _tokenizer;

    TourLens(LensReadings readings, LensMetadata facts, ByteBpeTokenizer tokenizer)
        => (_readings, Facts, _tokenizer) = (readings, facts, tokenizer);

    /// <summary>What the lens is.</summary>
    internal LensMetadata Facts { get; }

    /// <summary>Reads the lens that lies in a model's folder.</summary>
    /// <returns>Null where there is none, or one that reads no heads.</returns>
    /// <exception cref="UserException">The one that is there is damaged or another model's.</exception>
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

    /// <summary>The tokens with a head's largest lens logits; empty for a layer without a lens.</summary>
    internal string Top(int layer, int head)
        => _readings.Learned.FirstOrDefault(l => l.Layer == layer) is { } reading
            ? string.Join("  ",
                reading.Heads[head].Words[0].Top.Select(t => TourHeads.Word(_tokenizer, t.Id)))
            : "";
}
