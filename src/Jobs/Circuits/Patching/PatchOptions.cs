namespace HeadTap.Jobs;

/// <summary>Options of <see cref="PatchJob"/>.</summary>
public sealed record PatchOptions
{
    /// <summary>The model and the pairs of prompts.</summary>
    public required ContrastRequest Contrast { get; init; }

    /// <summary>
    /// Site: resid_pre, resid_mid, resid_post, attn_out, mlp_out, mlp_pre, mlp_post, z, result, pattern, q, k
    /// or v.
    /// </summary>
    public string At { get; init; } = "resid_pre";

    /// <summary>What a cell is: layer, position, head, head-position or neuron; null for the site's usual
    /// one.</summary>
    public string? By { get; init; }

    /// <summary>logit-diff, logprob, kl or rank; null for logit-diff where there is a wrong answer, else
    /// logprob.</summary>
    public string? Metric { get; init; }

    /// <summary>denoise (clean values into the corrupted run) or noise (the other way round).</summary>
    public string Direction { get; init; } = "denoise";

    /// <summary>Layers such as 0-3,6; null for all.</summary>
    public string? Layers { get; init; }

    /// <summary>Positions of the patched run such as 0-3,-1; null for all.</summary>
    public string? Positions { get; init; }

    /// <summary>Neurons such as 5,17,30-40; null for all.</summary>
    public string? Neurons { get; init; }

    /// <summary>Positions whose embeddings get noise in place of a corrupted prompt; null for none.</summary>
    public string? NoisePositions { get; init; }

    /// <summary>Deviation of the noise, in deviations of the token embedding; null for 3.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>File of prompts from which corrupted ones are drawn; null for none.</summary>
    public string? Resample { get; init; }

    /// <summary>Corrupted runs of a pair to draw and average; null for 10.</summary>
    public int? Samples { get; init; }

    /// <summary>Pairs of positions, clean-corrupt, such as 0-0,1-2; null for each with itself.</summary>
    public string? Align { get; init; }

    /// <summary>Whether positions of cells are counted from the end, -1 the last.</summary>
    public bool FromEnd { get; init; }

    /// <summary>
    /// Path patching: heads, mlps, or one set of senders such as blocks.3.attn.hook_z:2; null for none.
    /// </summary>
    public string? From { get; init; }

    /// <summary>Receivers such as blocks.5.attn.hook_q:1 or final; null without <see cref="From"/>.</summary>
    public string? To { get; init; }

    /// <summary>Which components keep their values on a path: all, or heads alone; null for all.</summary>
    public string? Freeze { get; init; }

    /// <summary>Most cells of a pass; null for as many as are fast.</summary>
    public int? BatchRows { get; init; }

    /// <summary>File of an HTML page with maps; null for none.</summary>
    public string? Out { get; init; }

    /// <summary>File of the map alone, .svg; null for none.</summary>
    public string? Svg { get; init; }

    /// <summary>File of the cells, .csv or .jsonl; null for none.</summary>
    public string? Table { get; init; }
}
