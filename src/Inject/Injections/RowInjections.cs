using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Shown the logits of one row.</summary>
/// <param name="pair">The pair's index.</param>
/// <param name="variant">The vector's index.</param>
/// <param name="logits">[V]</param>
delegate void LogitsFound(int pair, int variant, ReadOnlySpan<float> logits);

/// <summary>
/// Vectors added to what a layer's attention writes, many prompts in one pass: each prompt is a row with its
/// own vector. What lies below the layer is computed once for all vectors, and a row has the bits that
/// <see cref="Injection.Run"/> gives.
/// </summary>
/// <param name="model">The model, without edits of its own.</param>
/// <param name="pairs">The pairs whose multi-hop prompts are run.</param>
public sealed class RowInjections(LanguageModel model, IReadOnlyList<EncodedPair> pairs)
{
    const int RowsInPass = 32;

    // Rows of one length side by side: little padding.
    readonly int[] _order =
        [.. Enumerable.Range(0, pairs.Count).OrderBy(i => pairs[i].Obscure.Length).ThenBy(i => i)];

    /// <summary>
    /// Positions of a pair's multi-hop prompt that receive its vectors; the paper's are all.
    /// </summary>
    public Func<EncodedPair, EditPositions> Positions { get; init; } = _ => EditPositions.All;

    /// <summary>The model.</summary>
    public LanguageModel Model => model;

    /// <summary>The pairs.</summary>
    public IReadOnlyList<EncodedPair> Pairs => pairs;

    /// <summary>How each pair's answer stands after a prompt, nothing injected.</summary>
    /// <param name="prompt">One of the pair's prompts.</param>
    /// <exception cref="UserException">A prompt does not fit the model.</exception>
    public AnswerStanding[] Before(Func<EncodedPair, int[]> prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var standings = new AnswerStanding[pairs.Count];
        EachBefore(prompt, (pair, _, logits) =>
            standings[pair] = AnswerStanding.Of(logits, pairs[pair].Answer, 0));
        return standings;
    }

    /// <summary>How the answers stand with vectors added in one layer.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="variants">Vectors for each pair.</param>
    /// <param name="vector">
    /// The vector of a pair and a variant, [C], tau times m; null where that pair takes no part.
    /// </param>
    /// <param name="progress">Told the share done.</param>
    /// <returns>[variants][pairs]; null where a pair took no part.</returns>
    /// <exception cref="UserException">The result overflows float32.</exception>
    public AnswerStanding?[][] After(int layer, int variants, Func<int, int, float[]?> vector,
        Action<double>? progress = null)
    {
        AnswerStanding?[][] standings =
            [.. Enumerable.Range(0, variants).Select(_ => new AnswerStanding?[pairs.Count])];
        Each(layer, variants, vector, (pair, variant, logits) => standings[variant][pair] =
            AnswerStanding.Of(logits, pairs[pair].Answer, 0), progress);
        return standings;
    }

    /// <summary>The logits at the last position with vectors added in one layer.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="variants">Vectors for each pair.</param>
    /// <param name="vector">As in <see cref="After"/>.</param>
    /// <param name="found">Shown the logits of every pair and variant that took part.</param>
    /// <param name="progress">Told the share done.</param>
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

    /// <summary>The logits at the last position of each pair's prompt, nothing injected.</summary>
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
