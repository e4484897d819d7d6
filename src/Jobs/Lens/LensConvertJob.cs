using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensConvertJob"/>.</summary>
public sealed record LensConvertOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>The folder of a head lens or a thin one.</summary>
    public required string Lens { get; init; }

    /// <summary>head or thin.</summary>
    public required string To { get; init; }

    /// <summary>The folder of the converted lens.</summary>
    public required string Out { get; init; }

    internal LensKind Kind() => To switch
    {
        "head" => LensKind.Head,
        "thin" => LensKind.Thin,
        _ => throw new UserException($"To is {Quoted.Name(To)}; expected head or thin", nameof(To)),
    };
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="Kind">head or thin.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Bytes">Of the file with its weights.</param>
public sealed record LensConvertResult(string Out, string Kind, int Layers, long Bytes)
{
    /// <summary>The kind that it was made from.</summary>
    [JsonIgnore]
    public string From { get; init; } = "";
}

/// <summary>Writes a head lens as a thin one, or a thin one as a head lens.</summary>
public static class LensConvertJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The lens is not the model's, or the folder is not free.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
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
