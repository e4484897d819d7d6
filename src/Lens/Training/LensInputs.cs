using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Activations that a layer's lens reads, at n chosen positions.</summary>
/// <param name="Z">[n, C]: hook_z, heads side by side.</param>
/// <param name="Before">[n, C]: hook_resid_pre; null if no lens reads it.</param>
/// <param name="After">[n, C]: hook_resid_mid, the stream after the heads have written; null if no lens reads
/// it.</param>
public sealed record LensInputs(Tensor Z, Tensor? Before, Tensor? After)
{
    /// <summary>[n, C]: hook_resid_post, the stream out of the layer; null if no lens reads it.</summary>
    public Tensor? Post { get; init; }

    /// <summary>[n, C]: hook_resid_post of the last layer; null if no lens reads it.</summary>
    public Tensor? Last { get; init; }

    /// <summary>Whether <see cref="Z"/> is a change of z that the removal of heads made.</summary>
    public bool IsChange { get; init; }

    /// <summary>Number of positions, n.</summary>
    public int Count => Z.Rows;

    /// <summary>Returns the sites of a layer that a kind of lens reads.</summary>
    internal static IEnumerable<SiteKind> Sites(LensKind kind) => kind switch
    {
        LensKind.Residual => [SiteKind.Z, SiteKind.ResidPre, SiteKind.ResidMid],
        LensKind.Tuned => [SiteKind.Z, SiteKind.ResidPre],
        LensKind.Jacobian => [SiteKind.Z, SiteKind.ResidMid, SiteKind.ResidPost],
        _ => [SiteKind.Z],
    };
}
