using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>What of a layer a lens reads, and through how large a map.</summary>
public enum LensKind
{
    /// <summary>An affine map from each head's result to the vocabulary, [C, V] a head: LensA of the
    /// reference.</summary>
    Head,

    /// <summary>The same maps through the head's z, [D, V] a head: H times fewer parameters.</summary>
    Thin,

    /// <summary>[C, r] and [r, V] a head.</summary>
    LowRank,

    /// <summary>One affine map for the results of all heads of a layer, [C, V].</summary>
    Shared,

    /// <summary>Heads' maps beside one for the residual stream that they write to, both in units of that
    /// stream.</summary>
    Residual,

    /// <summary>An affine map of the residual stream before the layer, read by the model's own head
    /// (Belrose et al. 2023).</summary>
    Tuned,

    /// <summary>Nothing learned: results times the model's unembedding.</summary>
    Logit,
}

/// <summary>Where a lens begins.</summary>
public enum LensInitial
{
    /// <summary>W_U and b_U with the final LayerNorm folded in, centred over C and over V: the
    /// reference's.</summary>
    Folded,

    /// <summary>W_U as the checkpoint has it, and its bias where there is one.</summary>
    Raw,

    /// <summary>Zero: every token equally likely.</summary>
    Zero,
}

/// <summary>What each head's bias begins with.</summary>
public enum LensBias
{
    /// <summary>b_U, so the sum over heads begins with H b_U: the reference's.</summary>
    PerHead,

    /// <summary>b_U / H, so the sum begins with b_U.</summary>
    Divided,
}

/// <summary>Which lens: what must be known to make one that has not been trained.</summary>
public sealed record LensOptions
{
    /// <summary>The kind.</summary>
    public required LensKind Kind { get; init; }

    /// <summary>r of <see cref="LensKind.LowRank"/>.</summary>
    public int Rank { get; init; } = 64;

    /// <summary>Where it begins; a tuned lens always begins as the logit lens.</summary>
    public LensInitial Initial { get; init; }

    /// <summary>What each head's bias begins with.</summary>
    public LensBias Bias { get; init; }

    /// <summary>The logit lens that a trained one is held against: it reads the same, untrained.</summary>
    [JsonIgnore]
    public LensOptions Untrained => new()
    {
        Kind = Kind is LensKind.Tuned or LensKind.Residual ? Kind : LensKind.Logit,
    };

    /// <summary>Refuses a lens that a model cannot have.</summary>
    /// <exception cref="UserException">The rank is not one of the model's, or nothing would be
    /// read.</exception>
    public void RequireFits(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (Kind == LensKind.LowRank && (Rank < 1 || Rank > config.Width))
            throw new UserException($"Rank is {Rank}; expected 1 to the model's width {config.Width}",
                nameof(Rank));
        if (Kind == LensKind.Logit && Initial == LensInitial.Zero)
            throw new UserException("a logit lens of zeros says nothing; expected folded or raw");
    }
}
