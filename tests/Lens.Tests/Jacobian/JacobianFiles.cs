using HeadTap.Kernels.Tests;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Folders of Jacobian lenses with known matrices.</summary>
static class JacobianFiles
{
    /// <summary>The hash that the lenses name as their model's.</summary>
    internal const string Hash = "0123456789abcdef";

    /// <summary>Writes a lens and returns its folder.</summary>
    /// <param name="test">The model.</param>
    /// <param name="folder">Where.</param>
    /// <param name="site">What it reads.</param>
    /// <param name="layers">Which layers.</param>
    /// <param name="identity">Whether J = I; else random numbers, of <see cref="Matrix"/>.</param>
    internal static string Write(
        TestModel test, string folder, JacobianSite site, int[] layers, bool identity = false)
    {
        using LensSet lens = LensSet.Initial(
            test.Model, new() { Kind = LensKind.Jacobian, Site = site }, layers, 1);
        foreach (int layer in identity ? [] : layers)
            lens[layer].Parameters[0].Value.Upload(Matrix(test, layer));
        LensMetadata facts = LensMetadata.Of(lens, Hash);
        LensFolder.Save(folder, facts with { Steps = [.. layers.Select(_ => 5)] }, lens, layers.ToHashSet());
        return folder;
    }

    /// <summary>[C, C]: the matrix of a layer.</summary>
    internal static float[] Matrix(TestModel test, int layer)
        => Numbers.Normal(30 + layer, test.Model.Config.Width * test.Model.Config.Width);
}
