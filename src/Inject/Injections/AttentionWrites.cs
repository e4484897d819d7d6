using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>The attention output at a prompt's last position, per layer and per head.</summary>
/// <param name="Out">[L, C]: attn_out, the sum of the heads' results and b_O.</param>
/// <param name="Results">[L, H, C]: each head's result, without b_O.</param>
public sealed record AttentionWrites(float[] Out, float[] Results)
{
    const int RowsInPass = 32;

    /// <summary>Runs prompts in batches; each gives the same values as alone.</summary>
    /// <param name="model">The model; attached edits apply.</param>
    /// <param name="prompts">Token ids per prompt; they include BOS if it is wanted.</param>
    /// <exception cref="UserException">A prompt does not fit the model.</exception>
    public static IReadOnlyList<AttentionWrites> Of(LanguageModel model, IReadOnlyList<int[]> prompts)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompts);
        var writes = new List<AttentionWrites>(prompts.Count);
        if (prompts.Count == 0)
            return writes;
        Site[] sites = [.. Enumerable.Range(0, model.Config.Layers)
            .SelectMany(l => (Site[])[new(SiteKind.AttnOut, l), new(SiteKind.Result, l)])];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = Math.Min(RowsInPass, prompts.Count), MaxTokens = prompts.Max(p => p.Length),
            Record = sites,
        });
        foreach (int[][] pass in prompts.Chunk(RowsInPass))
        {
            var rows = new SequenceBatch([.. pass.Select(p => (IReadOnlyList<int>)p)]);
            session.Forward(rows);
            writes.AddRange(LastPositions(session, rows, model.Config));
        }
        return writes;
    }

    /// <summary>Returns attn_out of a layer, [C].</summary>
    public ReadOnlySpan<float> Layer(int layer, ModelConfig config)
        => Out.AsSpan(layer * config.Width, config.Width);

    /// <summary>Returns the result of a head, [C].</summary>
    public ReadOnlySpan<float> Head(int layer, int head, ModelConfig config)
        => Results.AsSpan((layer * config.Heads + head) * config.Width, config.Width);

    static AttentionWrites[] LastPositions(ModelSession session, SequenceBatch rows, ModelConfig config)
    {
        int L = config.Layers, H = config.Heads, C = config.Width;
        AttentionWrites[] writes = [.. Enumerable.Range(0, rows.B)
            .Select(_ => new AttentionWrites(new float[L * C], new float[L * H * C]))];
        for (int l = 0; l < L; l++)
        {
            float[] output = session.Recordings[new Site(SiteKind.AttnOut, l)].ToArray(),
                results = session.Recordings[new Site(SiteKind.Result, l)].ToArray();
            for (int b = 0; b < rows.B; b++)
            {
                int last = b * rows.T + rows.Lengths[b] - 1;
                output.AsSpan(last * C, C).CopyTo(writes[b].Out.AsSpan(l * C));
                results.AsSpan(last * H * C, H * C).CopyTo(writes[b].Results.AsSpan(l * H * C));
            }
        }
        return writes;
    }
}
