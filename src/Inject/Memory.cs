using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A memory: tokens whose unembedding is added to what a layer's attention writes, as if a head had recalled them
/// (Sakarvadia et al. 2023, arXiv 2309.05605, section 4).
/// </summary>
/// <param name="Tokens">The memory's tokens; repeated ones count once.</param>
/// <param name="Layer">The block, from 0.</param>
/// <param name="Tau">The magnitude; the paper sweeps 1 to 15.</param>
public sealed record Memory(IReadOnlyList<int> Tokens, int Layer, float Tau)
{
    /// <summary>Positions that receive it; the paper's are all.</summary>
    public EditPositions Positions { get; init; } = EditPositions.All;

    /// <summary><c>attn_out += tau · b W_Uᵀ</c> with b the k-hot vector of the tokens, as an edit.</summary>
    /// <param name="rows">Rows of the batch that receive it; null for all.</param>
    public Edit ToEdit(IReadOnlyList<int>? rows = null) => new()
    {
        Site = new Site(SiteKind.AttnOut, Layer).Name,
        Operation = EditOperation.Add,
        Alpha = Tau,
        Value = EditValue.Unembed([.. Tokens]),
        Positions = Positions,
        Rows = rows,
    };
}
