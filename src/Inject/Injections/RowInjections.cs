using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Receives the logits of one row.</summary>
/// <param name="pair">Index of the pair.</param>
/// <param name="variant">Index of the vector.</param>
/// <param name="logits">[V]: logits at the last position.</param>
delegate void LogitsFound(int pair, int variant, ReadOnlySpan<float> logits);

/// <summary>
/// Adds vectors to a layer's attention output, for many prompts in one pass: each prompt is a row with its
/// own vector. The layers below are computed once for all vectors, and each row gives the same bits as
/// <see cref="Injection.Run"/>.
/// </summary>
/// <param name="model">The model; no edits may be attached.</param>
/// <param name="pairs">Pairs whose multi-hop prompts are run.</param>
public sealed class RowInjections(LanguageModel model, IReadOnlyList<EncodedPair> pairs)
{
    const int RowsInPass = 32;

    // Prompts of similar length go into one pass, so there is little padding.
    readonly int[] _order =
        [.. Enumerable.Range(0, pairs.Count).OrderBy(i => pairs[i].Obscure.Length).ThenBy(i => i)];

    /// <summary>
    /// Positions of a pair's multi-hop prompt that receive its vectors; the paper uses all.
    /// </summary>
    public Func<EncodedPair, EditPositions> Positions { get; init; } = _ => EditPositions.All;

    /// <summary>The model that runs the prompts.</summary>
    public LanguageModel Model => model;

    /// <summary>Pairs whose multi-hop prompts are run.</summary>
    public IReadOnlyList<EncodedPair> Pairs => pairs;

    /// <summary>
    /// Returns the probability and rank of each pair's answer after a prompt, nothing injected.
    /// </summary>
    /// <param name="prompt">Function that selects one of the pair's prompts.</param>
    /// <exception cref="UserException">A prompt does not fit the model.</exception>
    public AnswerStanding[] Before(Func<EncodedPair, int[]> prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var standings = new AnswerStanding[pairs.Count];
        EachBefore(prompt, (pair, _, logits) =>
            standings[pair] = AnswerStanding.Of(logits, pairs[pair].Answer, 0));
        return standings;
    }

    /// <summary>Returns the probability and rank of the answers with vectors added in one layer.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="variants">Number of vectors per pair.</param>
    /// <param name="vector">Function that returns the vector tau · m, [C], of a pair and a variant; null
    /// leaves the pair out.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <returns>[variants][pairs]: probability and rank; null for pairs that were left out.</returns>
    /// <exception cref="UserException">The vector or a logit overflows float32.</exception>
    public AnswerStanding?[][] After(int layer, int variants, Func<int, int, float[]?> vector,
        Action<double>? progress = null)
    {
        AnswerStanding?[][] standings =
            [.. Enumerable.Range(0, variants).Select(_ => new AnswerStanding?[pairs.Count])];
        Each(layer, variants, vector, (pair, variant, logits) => standings[variant][pair] =
            AnswerStanding.Of(logits, pairs[pair].Answer, 0), progress);
        return standings;
    }

    /// <summary>Computes the logits at the last position with vectors added in one layer.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="variants">Number of vectors per pair.</param>
    /// <param name="vector">Function that returns a vector, as in <see cref="After"/>.</param>
    /// <param name="found">Callback that gets the logits of every pair and variant that was not left
    /// out.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    internal void Each(int layer, int variants, Func<int, int, float[]?> vector, LogitsFound found,
        Action<double>? progress = null)
    {
        Site stream = new(SiteKind.ResidPre, layer), attention = new(SiteKind.AttnOut, layer);
        int longest = pairs.Max(p => p.Obscure.Length), done = 0, V = model.Config.VocabSize;
        using var below = new ModelSession(model,
            Options(longest) with { Logits = LogitsAt.None, Record = [stream, attention] });
        using var above = new ModelSession(model, Options(longest));
        foreach (int[] pass in _order.Chunk(RowsInPass))
        {
            SequenceBatch rows = Rows(pass, p => p.Obscure);
            below.Forward(rows);
            var from = new ResumePoint(layer, below.Recordings[stream].ToArray(),
                below.Recordings[attention].ToArray());
            for (int v = 0; v < variants; v++)
            {
                Edit[] edits = [.. Edits(pass, attention, pair => vector(pair, v))];
                if (edits.Length > 0)
                    using (model.Attach(edits))
                        above.ForwardFrom(rows, from);
                float[] logits = edits.Length > 0 ? above.Logits.ToArray() : [];
                foreach (Edit edit in edits)
                    found(pass[edit.Rows![0]], v, logits.AsSpan(edit.Rows[0] * V, V));
                progress?.Invoke((double)(done * variants + (v + 1) * pass.Length) / pairs.Count / variants);
            }
            done += pass.Length;
        }
    }

    /// <summary>Computes the logits at the last position of each pair's prompt, nothing injected.</summary>
    internal void EachBefore(Func<EncodedPair, int[]> prompt, LogitsFound found)
    {
        int V = model.Config.VocabSize;
        using var session = new ModelSession(model, Options(pairs.Max(p => prompt(p).Length)));
        foreach (int[] pass in _order.Chunk(RowsInPass))
        {
            session.Forward(Rows(pass, prompt));
            float[] logits = session.Logits.ToArray();
            for (int b = 0; b < pass.Length; b++)
                found(pass[b], 0, logits.AsSpan(b * V, V));
        }
    }

    SessionOptions Options(int longest) => new()
    {
        MaxRows = Math.Min(RowsInPass, pairs.Count), MaxTokens = longest, Logits = LogitsAt.Last,
    };

    SequenceBatch Rows(int[] pass, Func<EncodedPair, int[]> prompt)
        => new([.. pass.Select(i => (IReadOnlyList<int>)prompt(pairs[i]))]);

    IEnumerable<Edit> Edits(int[] pass, Site site, Func<int, float[]?> vector)
    {
        for (int b = 0; b < pass.Length; b++)
            if (vector(pass[b]) is { } values)
            {
                Edit edit = new()
                {
                    Site = site, Operation = EditOperation.Add, Rows = [b],
                    Positions = Positions(pairs[pass[b]]), Value = EditValue.Numbers(values),
                };
                Memory.RequireFinite(edit, model);
                yield return edit;
            }
    }
}
