using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>What a layer's lens looks at, at n chosen positions.</summary>
/// <param name="Z">[n, C]: hook_z, heads side by side.</param>
/// <param name="Before">[n, C]: hook_resid_pre; null where no lens asks for it.</param>
/// <param name="After">[n, C]: hook_resid_mid, the stream with what the heads wrote; null as well.</param>
public sealed record LensInputs(Tensor Z, Tensor? Before, Tensor? After)
{
    /// <summary>Positions.</summary>
    public int Count => Z.Rows;

    /// <summary>Sites of a layer that a kind of lens looks at.</summary>
    internal static IEnumerable<SiteKind> Sites(LensKind kind) => kind switch
    {
        LensKind.Residual => [SiteKind.Z, SiteKind.ResidPre, SiteKind.ResidMid],
        LensKind.Tuned => [SiteKind.Z, SiteKind.ResidPre],
        _ => [SiteKind.Z],
    };
}
