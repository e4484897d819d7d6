using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What a forward pass ended with, to be checked.</summary>
/// <param name="Result">What it was for: logits of all tokens or of last ones, or without any the final
/// LayerNorm's output.</param>
/// <param name="Rstd">1 over the final LayerNorm's scale, of as many tokens or of all.</param>
readonly record struct FinishedPass(Tensor Result, Tensor Rstd)
{
    /// <summary>
    /// Refuses a pass that left the finite numbers. A stream so large that its variance overflows is
    /// normalised
    /// to 0 and gives logits that look right, so the scale is looked at too.
    /// </summary>
    /// <exception cref="UserException">A number of a row's tokens is not finite.</exception>
    internal void RequireFinite(
        LanguageModel model, SessionOptions options, SequenceBatch rows, int step, int[]? prompts)
    {
        if (!model.RequiresFinite || options.TakesNonfinite)
            return;
        if ((model.Ops.FirstNonfinite(Result) >= 0 && Any(Result, rows, v => !float.IsFinite(v)))
            || Any(Rstd, rows, v => v == 0))
            throw NonfinitePass.Explain(model, rows, step, prompts);
    }

    // Behind a row's tokens there may be anything. x has each row's tokens, or only its last one.
    static bool Any(Tensor x, SequenceBatch rows, Predicate<float> wrong)
    {
        float[] values = x.ToArray();
        int ofRow = values.Length / rows.B, tokens = x.Shape.Length == 1 ? ofRow : x.Rows / rows.B;
        for (int b = 0; b < rows.B; b++)
        {
            int count = tokens == 1 ? ofRow : ofRow / tokens * rows.Lengths[b];
            if (Array.FindIndex(values, b * ofRow, count, wrong) >= 0)
                return true;
        }
        return false;
    }
}
