using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Everything that one pass over a prompt shows: where each head looks, what it writes, what every part adds
/// to chosen tokens, and how the prediction forms along the stream.
/// </summary>
/// <param name="Tokens">[T]: token ids.</param>
/// <param name="Patterns">[L] of [H, T, T]: attention, query before key.</param>
/// <param name="Z">[L] of [T, H, D]: each head's mix of values.</param>
/// <param name="ResultNorms">[L] of [T, H]: <c>|z_h W_O^h|</c>, the length of what a head writes.</param>
/// <param name="ValueNorms">[L] of [T, H]: <c>|v_h W_O^h|</c> of each key position. A pattern times these is
/// the value-weighted pattern (Kobayashi et al. 2020, arXiv 2004.10102).</param>
/// <param name="Contributions">What every component adds to the chosen tokens.</param>
/// <param name="Stream">[L + 1][T]: the logit lens along the stream.</param>
public sealed record PromptView(IReadOnlyList<int> Tokens, IReadOnlyList<float[]> Patterns,
    IReadOnlyList<float[]> Z, IReadOnlyList<float[]> ResultNorms, IReadOnlyList<float[]> ValueNorms,
    ComponentContributions Contributions, IReadOnlyList<IReadOnlyList<StreamReading>> Stream)
{
    /// <summary>Runs a prompt.</summary>
    /// <param name="model">The model, with the edits that are attached to it.</param>
    /// <param name="prompt">[T]: token ids.</param>
    /// <param name="chosen">Returns the tokens whose logits are split, from the model's most probable next
    /// tokens at each position.</param>
    /// <param name="top">Number of tokens to list at each layer and position.</param>
    /// <exception cref="UserException">The prompt does not fit the model, or the pass does not fit the
    /// device.</exception>
    public static PromptView Of(LanguageModel model, IReadOnlyList<int> prompt,
        Func<IReadOnlyList<StreamReading>, IReadOnlyList<int>> chosen, int top)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(chosen);
        ModelConfig config = model.Config;
        IReadOnlyList<Site> streams = StreamTrajectory.Sites(config);
        IEnumerable<Site> Each(SiteKind kind)
            => Enumerable.Range(0, config.Layers).Select(l => new Site(kind, l));
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count), Logits = LogitsAt.None,
            Record = [.. streams.Concat(ComponentContributions.Sites(config))
                .Concat(Each(SiteKind.Pattern)).Concat(Each(SiteKind.V)).Distinct()],
        });
        session.Forward(new SequenceBatch([prompt]));
        float[] At(Site site) => session.Recordings[site].ToArray();
        IReadOnlyList<IReadOnlyList<StreamReading>> readings =
            StreamTrajectory.Of(model, [.. streams.Select(At)], top);
        float[][] z = [.. Each(SiteKind.Z).Select(At)], v = [.. Each(SiteKind.V).Select(At)];
        var norms = new ResultNorms(model);
        return new PromptView([.. prompt], [.. Each(SiteKind.Pattern).Select(At)], z,
            [.. z.Select((rows, l) => Norms(norms, l, rows, config))],
            [.. v.Select((rows, l) => Norms(norms, l, rows, config))],
            ComponentContributions.Read(model, session.Recordings, chosen(readings[^1])), readings);
    }

    // [T, H] from rows [T, H, D].
    static float[] Norms(ResultNorms norms, int layer, float[] rows, ModelConfig config)
        => [.. Enumerable.Range(0, rows.Length / config.HeadWidth).Select(i => (float)norms.Of(layer,
            i % config.Heads, rows.AsSpan(i * config.HeadWidth, config.HeadWidth)))];
}
