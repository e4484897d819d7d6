using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Compares published numbers with the numbers that this program computes.</summary>
/// <param name="What">Description of the numbers.</param>
/// <param name="Expected">Published numbers.</param>
/// <param name="Found">Computed numbers.</param>
/// <param name="Bound">Largest absolute difference that passes.</param>
public sealed record InjectionCheck(
    string What, IReadOnlyList<double> Expected, IReadOnlyList<double> Found, double Bound)
{
    /// <summary>Largest absolute difference; NaN if a number is NaN or missing.</summary>
    // Math.Max propagates NaN; Enumerable.Max ignores it.
    public double Error => Expected.Count != Found.Count ? double.NaN
        : Expected.Zip(Found, (e, f) => Math.Abs(e - f)).Aggregate(0.0, Math.Max);

    /// <summary>Whether all differences are within the bound; false for NaN.</summary>
    public bool Passes => Error <= Bound;
}

/// <summary>Recomputes the numbers of <see cref="PublishedInjections"/> and compares them.</summary>
public static class InjectionParity
{
    /// <summary>
    /// Bound for probabilities; the published ones have six decimals and come from another program in
    /// float32.
    /// </summary>
    public const double ProbabilityBound = 1e-4;

    /// <summary>
    /// Bound for gains in percent: half a unit of the last digit in the tables, which have one decimal
    /// (44.9).
    /// </summary>
    public const double GainBound = 0.05;

    // Logits of 16 rows with GPT-2's vocabulary need 3 MiB.
    const int RowsInPass = 16;

    sealed record Asked(int[] Prompt, int Answer, Memory? Memory);

    /// <summary>Checks the prompts' probabilities and their most probable tokens.</summary>
    /// <param name="model">The model, with weights processed by
    /// <see cref="WeightProcessing.TransformerLens"/>.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="published">Published numbers.</param>
    /// <exception cref="UserException">The model has no begin-of-text token, or a prompt does not fit the
    /// model.</exception>
    public static IReadOnlyList<InjectionCheck> OfPrompts(
        LanguageModel model, ByteBpeTokenizer tokenizer, PublishedInjections published)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(published);
        var checks = new List<InjectionCheck>();
        foreach (PublishedPrompt prompt in published.Prompts)
        {
            EncodedPair pair = Encode(prompt.Pair, tokenizer, model, prompt.Pair.Obscure);
            Asked[] rows =
            [
                new(pair.Explicit, pair.Answer, null), new(pair.Obscure, pair.Answer, null),
                .. Enumerable.Range(0, model.Config.Layers).Select(layer => new Asked(
                    pair.Obscure, pair.Answer, new Memory(pair.Memory, layer, published.Tau))),
            ];
            AnswerStanding[] found = Ask(model, rows, Math.Max(1, prompt.Top.Count), _ => { });
            checks.Add(new($"{prompt.Pair.Obscure}: probabilities",
                [prompt.Explicit, prompt.Obscure, .. prompt.Edits], [.. found.Select(s => s.Probability)],
                ProbabilityBound));
            if (prompt.Top.Count > 0)
                checks.Add(new($"{prompt.Pair.Obscure}: top tokens in their places", [prompt.Top.Count],
                    [InPlace(prompt.Top, found[2 + prompt.TopLayer].Top)], 0));
        }
        return checks;
    }

    /// <summary>Checks the gain over a whole data set.</summary>
    /// <param name="model">The model, with weights processed by
    /// <see cref="WeightProcessing.TransformerLens"/>.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="pairs">Pairs of the data set.</param>
    /// <param name="cell">Published cell and gain.</param>
    /// <param name="progress">Callback that gets the prompts done and the number of all prompts; it may throw
    /// to stop.</param>
    /// <exception cref="UserException">A pair does not fit the model, or the model has no begin-of-text
    /// token.</exception>
    public static InjectionCheck OfCell(LanguageModel model, ByteBpeTokenizer tokenizer, PromptPairs pairs,
        PublishedCell cell, Action<int, int> progress)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(cell);
        ArgumentNullException.ThrowIfNull(progress);
        EncodedPair[] encoded = [.. pairs.Select((p, i) => Encode(p, tokenizer, model, pairs.Place(i)))];
        Asked[] rows = [.. encoded.Select(p => new Asked(p.Obscure, p.Answer, null)),
            .. encoded.Select(p => new Asked(p.Obscure, p.Answer, new(p.Memory, cell.Layer, cell.Tau)))];
        double[] found =
            [.. Ask(model, rows, 1, done => progress(done, rows.Length)).Select(s => s.Probability)];
        return new($"{cell.File} layer {cell.Layer} tau {cell.Tau}: gain of {cell.Gain} %", [cell.Gain],
            [TrimmedMeanGain.Of(found.AsSpan(0, encoded.Length), found.AsSpan(encoded.Length))], GainBound);
    }

    static int InPlace(IReadOnlyList<int> expected, IReadOnlyList<TokenChance> found) =>
        expected.Zip(found, (e, f) => e == f.Token).Count(same => same);

    static EncodedPair Encode(PromptPair pair, ByteBpeTokenizer tokenizer, LanguageModel model,
        string place) =>
        EncodedPair.Of(pair, tokenizer, model.Config, model.Config.BosToken ?? throw new UserException(
            "the published injections put a begin-of-text token before each prompt, and config.json has no "
            + "bos_token_id that is in the vocabulary"), place);

    static AnswerStanding[] Ask(LanguageModel model, Asked[] rows, int top, Action<int> progress)
    {
        var standings = new List<AnswerStanding>();
        int V = model.Config.VocabSize;
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = Math.Min(RowsInPass, rows.Length),
            MaxTokens = rows.Max(r => r.Prompt.Length),
            Logits = LogitsAt.Last,
        });
        foreach (Asked[] pass in rows.Chunk(RowsInPass))
        {
            // Each row receives its own memory.
            using (model.Attach([.. pass.Select((r, b) => r.Memory?.ToEdit([b])).OfType<Edit>()]))
                session.Forward(new SequenceBatch([.. pass.Select(r => r.Prompt)]));
            float[] logits = session.Logits.ToArray();
            for (int b = 0; b < pass.Length; b++)
                standings.Add(AnswerStanding.Of(logits.AsSpan(b * V, V), pass[b].Answer, top));
            progress(standings.Count);
        }
        return [.. standings];
    }
}
