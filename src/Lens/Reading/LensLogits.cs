using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Refuses logits of a lens that are not finite: a finite model's lens may still overflow float32.
/// </summary>
static class LensLogits
{
    /// <summary>Computes a map's logits, [n, V].</summary>
    /// <exception cref="UserException">One is not finite, and the model requires that.</exception>
    internal static void Fill(LanguageModel model, VocabularyMap map, Tensor x, Tensor logits)
    {
        map.Logits(model.Ops, x, 0, logits);
        if (model.RequiresFinite && model.Ops.FirstNonfinite(logits) >= 0)
            throw map.Weight == model.Weights.Head
                ? new UserException("the logits are not finite: the unembedding overflows float32; "
                    + "expected a model with smaller values")
                : Overflow();
    }

    /// <summary>Refuses a KL from the model to a lens that is not finite.</summary>
    /// <exception cref="UserException">It is not, and the model requires that.</exception>
    internal static double Require(LanguageModel model, double kl)
        => double.IsFinite(kl) || !model.RequiresFinite ? kl : throw Overflow();

    static UserException Overflow() => new("the lens' logits are not finite: its map overflows float32; "
        + "expected a lens with smaller values");
}
