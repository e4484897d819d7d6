using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Says where a pass leaves the finite numbers, by running it once more.</summary>
static class NonfinitePass
{
    /// <summary>
    /// What to say of a pass whose logits or loss are not finite: the first site that is not, the edits in
    /// force, what to try. Never fails for want of memory; then the site is not named.
    /// </summary>
    /// <param name="model">The model, with the edits that were attached.</param>
    /// <param name="rows">The batch.</param>
    public static UserException Explain(LanguageModel model, SequenceBatch rows)
        => Explain(model, rows, 0, null);

    internal static UserException Explain(LanguageModel model, SequenceBatch rows, int step, int[]? prompts)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        string where = First(model, rows, step, prompts) is { } site ? $": {site}" : "";
        Precision precision = model.Device.Precision;
        string what = $"the logits are not finite{where}";
        string[] edited = [.. model.Edits.Select(e => $"{e.Site}").Distinct()];
        return model.Edits.Count > 0
            ? new($"{what}, with edits of {Quoted.Names(edited)}; "
                + "expected values with which float32 does not overflow")
            : precision != Precision.Fp32
            ? new($"{what}, in {precision.ManifestName()}; expected a model that fits it, or "
                + $"{Field.Of("Precision")} fp32")
            : new($"{what}; the model's weights are too large for float32, as loaded or as steps of "
                + "training left them");
    }

    /// <summary>
    /// The first site that is not finite, as "blocks.0.hook_attn_out is the first site that is not, infinity
    /// at row 0, token 3"; null if every site is finite or the pass does not fit the device twice.
    /// </summary>
    /// <param name="model">The model, with the edits that were attached.</param>
    /// <param name="rows">The batch.</param>
    /// <param name="step">Of a generation.</param>
    /// <param name="prompts">[B] lengths of the prompts of a generation; null for none.</param>
    internal static string? First(LanguageModel model, SequenceBatch rows, int step = 0,
        int[]? prompts = null)
    {
        try
        {
            // Scores, patterns and results of all blocks may not fit; one block's are looked at if z is
            // first.
            Site[] sites = [.. Site.All(model.Config)
                .Where(s => s.Kind is not (SiteKind.Scores or SiteKind.Pattern or SiteKind.Result))];
            if (FirstOf(model, rows, step, prompts, sites) is not { } found)
                return null;
            if (found.Site.Kind == SiteKind.Z)
                found = FirstOf(model, rows, step, prompts,
                    [Site.Scores(found.Site.Layer), Site.Pattern(found.Site.Layer), found.Site]) ?? found;
            return $"{found.Site} is the first site that is not, {FiniteNumbers.Name(found.Value)} at row "
                + $"{found.Row}, token {found.Token}";
        }
        catch (UserException) // does not fit
        {
            return null;
        }
    }

    static (Site Site, float Value, int Row, int Token)? FirstOf(
        LanguageModel model, SequenceBatch rows, int step, int[]? prompts, Site[] sites)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = rows.B, MaxTokens = rows.T, Record = sites, TakesNonfinite = true,
        });
        session.ForwardStep(rows, step, prompts);
        foreach (Site site in sites.Order())
            if (session.Recordings.TryGetValue(site, out Recording? recording)
                && FirstIn(recording, site.Kind, rows) is { } at)
                return (site, at.Value, at.Row, at.Token);
        return null;
    }

    // Padding may hold anything; above the diagonal scores are minus infinity.
    static (float Value, int Row, int Token)? FirstIn(Recording recording, SiteKind kind, SequenceBatch rows)
    {
        float[] values = recording.ToArray();
        if (FiniteNumbers.All(values))
            return null;
        bool perHead = kind is SiteKind.Scores or SiteKind.Pattern; // [B, H, T, T], else [B, T, ...]
        int width = values.Length / (rows.B * rows.T * (perHead ? recording.Shape[1] : 1));
        for (int i = 0; i < values.Length; i++)
        {
            int token = i / width % rows.T, row = i / (values.Length / rows.B);
            bool counts = token < rows.Lengths[row] && !(perHead && i % width > token);
            if (counts && !float.IsFinite(values[i]))
                return (values[i], row, token);
        }
        return null;
    }
}
