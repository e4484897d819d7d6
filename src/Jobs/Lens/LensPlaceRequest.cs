using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A lens, and the layers, heads and number of tokens to read.</summary>
public sealed record LensPlaceRequest
{
    /// <summary>Folder of a lens, or logit for the model's own unembedding.</summary>
    public required string Lens { get; init; }

    /// <summary>
    /// The model that the lens was made for: model for the one that is read, parent for the one that it was
    /// made from, which its manifest proves.
    /// </summary>
    public string LensOf { get; init; } = LensOwner.Self;

    /// <summary>Layers from 0, separated by commas, or all that the lens has.</summary>
    public string Layer { get; init; } = "all";

    /// <summary>Heads from 0, separated by commas; null or <see cref="EveryHead"/> for all.</summary>
    public string? Head { get; init; }

    /// <summary>The word for all heads; auto in jobs that choose one head.</summary>
    public string EveryHead { get; init; } = "all";

    /// <summary>Number of tokens to list per head; at least 1.</summary>
    public int Top { get; init; } = 5;

    /// <summary>
    /// Finds the lens, and checks layers, heads and tokens against it and the model. It reads no weights.
    /// </summary>
    /// <exception cref="UserException">The lens, a layer, a head or the number of tokens does not
    /// fit.</exception>
    internal LensPlaces Read(string folder, ModelConfig config)
    {
        string hash = ModelFolder.Hash(folder);
        LensSource source = LensOwner.Find(Lens, LensOf, folder, config, hash);
        if (Top < 1 || Top > config.VocabSize)
            throw new UserException($"{Field.Of(nameof(Top))} is {Top}; expected 1 to {config.VocabSize}");
        bool every = Head is null || Head == EveryHead;
        if (!source.ReadsHeads && !every)
            throw new UserException("this lens reads the residual stream, not heads; leave "
                + $"{Field.Of(nameof(Head))} out");
        int[] layers = Layer == "all" ? [.. source.Layers]
            : Numbers(nameof(Layer), Layer, config.Layers, "all");
        if (layers.Except(source.Layers).ToArray() is [int missing, ..])
            throw new UserException($"{Field.Of(nameof(Layer))} is {Quoted.Name(Layer)}: the lens has no "
                + $"layer {missing}; it has " + string.Join(", ", source.Layers));
        int[] heads = !source.ReadsHeads ? [] : every ? [.. Enumerable.Range(0, config.Heads)]
            : Numbers(nameof(Head), Head!, config.Heads, EveryHead);
        return new(Lens, source, hash, new LensRequest(layers, heads, Top));
    }

    static int[] Numbers(string option, string text, int end, string every)
        => [.. text.Split(',').Select(word => int.TryParse(
            word, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n < end ? n
            : throw new UserException($"{Field.Of(option)} is {Quoted.Name(text)}; expected {every}, or "
            + $"numbers from 0 to {end - 1} with commas between")).Distinct().Order()];
}

/// <summary>A lens, and the layers, heads and tokens to read.</summary>
/// <param name="Name">Name of the lens as the user gave it.</param>
/// <param name="Source">Source of the lens.</param>
/// <param name="ModelHash">Hash of the model that the lens reads.</param>
/// <param name="Request">Layers, heads and number of tokens to read.</param>
public sealed record LensPlaces(string Name, LensSource Source, string ModelHash, LensRequest Request)
{
    /// <summary>A description of the lens in one line.</summary>
    public string Text => LensText.Line(Source, Name);

    /// <summary>Its name on a page: kind and folder.</summary>
    internal string Title => Source.IsBaseline ? "logit lens"
        : $"{LensText.Word(Source.Options.Kind)} lens {OtherModel.NameOf(Name)}";
}
