using HeadTap.Models;

namespace HeadTap.Lens.Tests;

/// <summary>A pass of a model with edits in force.</summary>
static class EditedRun
{
    /// <summary>Logits of all positions, and what was recorded.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">The batch.</param>
    /// <param name="edits">Edits of this pass alone.</param>
    /// <param name="sites">Sites to record.</param>
    /// <returns>[B T, V], and the values of each site.</returns>
    internal static (float[] Logits, float[][] Sites) Of(
        LanguageModel model, SequenceBatch rows, IReadOnlyList<Edit> edits, params Site[] sites)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = rows.B, MaxTokens = rows.T, Logits = LogitsAt.All, Record = sites,
        });
        using IDisposable scope = model.Attach(edits);
        session.Forward(rows);
        return (session.Logits.ToArray(), [.. sites.Select(site => session.Recordings[site].ToArray())]);
    }
}
