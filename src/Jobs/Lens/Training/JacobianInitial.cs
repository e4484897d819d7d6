using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Checks the Jacobian lens that gives other lenses their first values.</summary>
static class JacobianInitial
{
    /// <summary>Checks that the lens is given if it is needed, and fits model, kind and layers.</summary>
    /// <param name="options">Options of the training.</param>
    /// <param name="lens">Options of the lens that is trained.</param>
    /// <param name="config">Config of the model.</param>
    /// <exception cref="UserException">It is missing, not asked for, or does not fit.</exception>
    internal static void Require(LensTrainOptions options, LensOptions lens, ModelConfig config)
    {
        string init = Field.Of(nameof(options.Init)), folderOption = Field.Of(nameof(options.InitLens));
        if (lens.Initial == LensInitial.Jacobian == options.InitLens is null)
            throw new UserException(options.InitLens is null
                ? $"{init} jacobian needs {folderOption}, a folder of a Jacobian lens"
                : $"{folderOption} belongs to {init} jacobian; leave it out");
        if (options.InitLens is not { } folder)
            return;
        JacobianDirections.Require(folder, options.Model, config, processed: false);
        LensMetadata facts = LensFolder.ReadFacts(folder);
        bool tuned = lens.Kind == LensKind.Tuned;
        JacobianSite needed = tuned ? JacobianSite.ResidPost : JacobianSite.ResidMid;
        if (facts.Lens.Site != needed)
            throw new UserException($"{Quoted.Path(folder)}: the lens reads {facts.Lens.Site?.Word()}; "
                + $"{Field.Of(nameof(options.Kind))} {options.Kind} begins from one of {needed.Word()}");
        int[] layers = [.. options.LayersOf(config).Select(l => tuned ? l - 1 : l).Where(l => l >= 0)];
        if (layers.Except(facts.Layers).ToArray() is [int missing, ..])
            throw new UserException($"{Quoted.Path(folder)}: the lens has no layer {missing}; expected one "
                + "with every layer that is trained");
    }
}
