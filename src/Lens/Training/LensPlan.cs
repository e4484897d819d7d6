using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Plans which layers are trained together and how much memory that needs, before any is allocated.
/// </summary>
/// <param name="Groups">Groups of layers, ascending; each layer is in one group.</param>
/// <param name="Memory">Memory that the largest group needs in addition to the model's weights.</param>
/// <param name="FreeBytes">Free memory of the device, bytes.</param>
public sealed record LensPlan(IReadOnlyList<IReadOnlyList<int>> Groups, MemoryPlan Memory, long FreeBytes)
{
    /// <summary>Plans groups that are as large as the memory allows.</summary>
    /// <param name="model">Model that the lenses read.</param>
    /// <param name="lens">Kind, rank and initial values of the lenses.</param>
    /// <param name="layers">Layers to train, ascending.</param>
    /// <param name="options">Options of the training.</param>
    /// <param name="freeBytes">Memory available in addition to the model's weights, bytes; null for the free
    /// memory of the device.</param>
    /// <exception cref="UserException">Not even one layer fits; the message names options that need less
    /// memory.</exception>
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
        string moments = $"{Field.Of(nameof(options.Moments))} 8-bit",
            positions = $"fewer {Field.Of(nameof(options.Positions))}";
        memory.Require(free, lens.Kind == LensKind.Head
            ? $"{Field.Of(nameof(lens.Kind))} thin, {moments} or {positions}"
            : $"{moments}, {positions} or a smaller {Field.Of(nameof(options.BatchRows))}");
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
                positions) + (options.Ablation is null ? 0
                    : RemovalBatch.Floats(model, group, lens.Kind, options)));
    }
}
