using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensConvertJob"/>.</summary>
public sealed record LensConvertOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Folder of a head lens or a thin lens.</summary>
    public required string Lens { get; init; }

    /// <summary>head or thin.</summary>
    public required string To { get; init; }

    /// <summary>Folder for the converted lens.</summary>
    public required string Out { get; init; }

    internal LensKind Kind() => To switch
    {
        "head" => LensKind.Head,
        "thin" => LensKind.Thin,
        _ => throw new UserException($"{Field.Of(nameof(To))} is {Quoted.Name(To)}; expected head or thin"),
    };
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Folder of the lens.</param>
/// <param name="Kind">Kind of the lens: head or thin.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Bytes">Size of the file with its weights, bytes.</param>
public sealed record LensConvertResult(string Out, string Kind, int Layers, long Bytes)
{
    /// <summary>The kind of the lens that it was made from.</summary>
    [JsonIgnore]
    public string From { get; init; } = "";
}

/// <summary>Converts a head lens to a thin lens, or a thin lens to a head lens.</summary>
public static class LensConvertJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The lens belongs to another model, or the folder already has a
    /// lens.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensConvertResult Run(LensConvertOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        LensKind kind = options.Kind();
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        string hash = ModelFolder.Hash(options.Model);
        LensMetadata facts = LensFolder.ReadFacts(options.Lens);
        LensFolder.RequireFor(options.Lens, facts, config, hash);
        if (facts.Lens.Kind is not (LensKind.Head or LensKind.Thin) || facts.Lens.Kind == kind)
            throw new UserException($"{Quoted.Path(options.Lens)}: its kind is "
                + $"{LensText.Word(facts.Lens.Kind)}; expected "
                + $"{LensText.Word(kind == LensKind.Thin ? LensKind.Head : LensKind.Thin)}, of which "
                + $"{LensText.Word(kind)} is made");
        LensOutput.RequireFree(options.Out);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        using LensSet lens = LensFolder.Load(loaded.Model, hash, options.Lens, null, positions: 1);
        using LensSet made = LensConversion.To(lens, kind);
        context.Cancel.ThrowIfCancellationRequested();
        LensFolder.Save(options.Out, facts with { Lens = made.Options }, made, made.Layers.ToHashSet(),
            LensFolder.Unigram(options.Lens) is { } counts ? [.. counts.Select(n => (long)n)] : null);
        long bytes = new FileInfo(Path.Combine(options.Out, LensFolder.WeightsFile)).Length;
        return new LensConvertResult(options.Out, options.To, made.Layers.Count, bytes)
        {
            From = LensText.Word(facts.Lens.Kind),
        };
    }
}
