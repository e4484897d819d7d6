using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>What the cells of one pair share.</summary>
/// <param name="Target">The run that is patched.</param>
/// <param name="Positions">Positions that are patched, ascending.</param>
/// <param name="Metric">What is measured.</param>
/// <param name="Own">[V]: logits of the run that is patched.</param>
/// <param name="Recordings">Its recordings: the stream into each block and what attention adds.</param>
sealed record PatchRun(PatchInput Target, int[] Positions, AnswerMetric Metric, float[] Own,
    IReadOnlyDictionary<Site, Recording> Recordings)
{
    /// <summary>Where passes with a patch at a site go on from.</summary>
    internal ResumePoint From(int layer, bool behindAttention) => new(layer,
        Recordings[Site.ResidPre(layer)].ToArray(),
        behindAttention ? Recordings[Site.AttnOut(layer)].ToArray() : null);
}

/// <summary>Runs the cells of a layer.</summary>
interface ICellRunner : IDisposable
{
    /// <summary>Sites of the run that is patched that it needs.</summary>
    IEnumerable<Site> Record { get; }

    /// <summary>Takes the run that is patched, before its layers.</summary>
    void Begin(PatchRun run);

    /// <summary>The metric of each cell.</summary>
    /// <param name="run">What the cells share.</param>
    /// <param name="layer">Their layer.</param>
    /// <param name="cells">The cells, all of the layer.</param>
    /// <param name="value">Values of the other run at the site, each row at its position.</param>
    double[] Run(PatchRun run, int layer, PatchCell[] cells, RecordedValue value);
}
