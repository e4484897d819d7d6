using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Which layers are trained together, and the memory that takes, before any is taken.</summary>
/// <param name="Groups">Layers, rising; every layer once.</param>
/// <param name="Memory">What the largest group takes beside the model's weights.</param>
/// <param name="FreeBytes">What the device has.</param>
public sealed record LensPlan(IReadOnlyList<IReadOnlyList<int>> Groups, MemoryPlan Memory, long FreeBytes)
{
    /// <summary>Plans groups as large as fit.</summary>
    /// <param name="model">The model, on its device.</param>
    /// <param name="lens">Which lenses.</param>
    /// <param name="layers">For which layers, rising.</param>
    /// <param name="options">How they are trained.</param>
    /// <param name="freeBytes">Memory beside the model's weights; null for what the device has.</param>
    /// <exception cref="UserException">Not even one layer fits; the line says what would.</exception>
    public static LensPlan Make(
        LanguageModel model, LensOptions lens, IReadOnlyList<int> layers, LensTrainingOptions options,
        long? freeBytes = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(options);
        long free = freeBytes ?? MemoryPlan.FreeBytes(model.Device);
        int most = options.LayersAtOnce > 0 ? Math.Min(options.LayersAtOnce, layers.Count) : layers.Count;
        int together = most;
        while (together > 1 && Of(model, lens, layers, options, together).TotalBytes > free)
            together--;
        MemoryPlan memory = Of(model, lens, layers, options, together);
        memory.Require(free, lens.Kind == LensKind.Head ? "Kind thin, Moments 8-bit or fewer Positions"
            : "Moments 8-bit, fewer Positions or a smaller BatchRows", nameof(lens.Kind),
            nameof(options.Moments), nameof(options.Positions), nameof(options.BatchRows));
        return new LensPlan([.. layers.Chunk(together)], memory, free);
    }

    static MemoryPlan Of(LanguageModel model, LensOptions lens, IReadOnlyList<int> layers,
        LensTrainingOptions options, int together)
    {
        int positions = options.PositionsAtOnce(model.Config), T = options.TokensAtOnce(model.Config);
        int[] group = [.. layers.Take(together)];
        return new MemoryPlan(model.Device)
            .Add("lenses", together * LensSet.Floats(model, lens, positions))
            .Add("moments, features and scratch",
                LensSet.TrainingFloats(model, lens, options, together))
            .Add("activations", LensActivations.Floats(model, group, [lens.Kind], options.BatchRows, T,
                positions));
    }
}
