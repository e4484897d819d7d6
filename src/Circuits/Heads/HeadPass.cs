using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Runs windows of a text through a model and shows every head of each, window by window. The patterns of one
/// batch are held, of as many layers as fit; more layers need the windows once more. So memory does not grow
/// with the text. On the host a window has the bits that it has alone, whatever batch it is in.
/// </summary>
static class HeadPass
{
    const long MostFloats = 1L << 26; // 256 MiB of patterns and z
    const int MostRows = 8;

    /// <summary>Runs the windows.</summary>
    /// <param name="model">The model; attached edits apply.</param>
    /// <param name="windows">Token ids of each window; may be asked for several times.</param>
    /// <param name="options">Length of the windows and rows of a pass.</param>
    /// <param name="observer">Sees every head in every window.</param>
    /// <param name="progress">Told the number of windows done in this call, counted once for each group of
    /// layers, and the number of groups.</param>
    /// <exception cref="UserException">A window does not fit the model, or the patterns the
    /// device.</exception>
    internal static void Run(LanguageModel model, IEnumerable<int[]> windows, HeadPassOptions options,
        IHeadObserver observer, Action<long, int>? progress = null)
    {
        ModelConfig config = model.Config;
        long layer = ((long)config.Heads * options.MaxTokens + config.Width) * options.MaxTokens;
        int together = (int)Math.Clamp(MostFloats / layer, 1, config.Layers);
        int rows = options.Rows > 0 ? options.Rows
            : (int)Math.Clamp(MostFloats / (layer * together), 1, MostRows);
        int[][] groups = [.. Enumerable.Range(0, config.Layers).Chunk(options.LayersInPass > 0
            ? options.LayersInPass : together)];
        long done = 0;
        foreach (int[] layers in groups)
        {
            using var session = new ModelSession(model, new SessionOptions
            {
                MaxRows = rows, MaxTokens = options.MaxTokens,
                Record = [.. layers.SelectMany(l => (Site[])[new(SiteKind.Pattern, l), Site.Z(l)])],
            });
            int first = 0;
            foreach (int[][] batch in windows.Chunk(rows))
            {
                RequireTwo(batch, first);
                session.Forward(new SequenceBatch([.. batch.Select(w => (IReadOnlyList<int>)w)]));
                Show(session, layers, batch, first, observer);
                first += batch.Length;
                progress?.Invoke(done += batch.Length, groups.Length);
            }
        }
    }

    static void RequireTwo(int[][] batch, int first)
    {
        for (int b = 0; b < batch.Length; b++)
            if (batch[b].Length < 2)
                throw new UserException($"window {first + b} of the text has "
                    + $"{Counted.Of(batch[b].Length, "token")}; expected at least two: one that looks and "
                    + "one before it");
    }

    static void Show(
        ModelSession session, int[] layers, int[][] batch, int first, IHeadObserver observer)
    {
        ModelConfig config = session.Model.Config;
        int H = config.Heads, D = config.HeadWidth, C = config.Width, T = batch.Max(w => w.Length);
        TokenRepeats[] tokens = [.. batch.Select(w => new TokenRepeats(w))];
        foreach (int layer in layers)
        {
            float[] pattern = session.Recordings[new Site(SiteKind.Pattern, layer)].ToArray();
            float[] z = session.Recordings[Site.Z(layer)].ToArray();
            Parallel.For(0, H,
                new ParallelOptions { MaxDegreeOfParallelism = ComputeDevice.HostThreadCount }, h =>
                {
                    for (int b = 0; b < batch.Length; b++)
                        observer.See(layer, h, first + b, tokens[b], new HeadView(pattern,
                            (b * H + h) * T * T, T, z, b * T * C + h * D, C, D, batch[b].Length));
                });
        }
    }
}

/// <summary>Sizes of the passes in which heads are looked at.</summary>
/// <param name="MaxTokens">Tokens of the longest window.</param>
/// <param name="Rows">Windows of a pass; 0 for as many as fit.</param>
/// <param name="LayersInPass">Layers whose patterns are held at once; 0 for as many as fit.</param>
public readonly record struct HeadPassOptions(int MaxTokens, int Rows = 0, int LayersInPass = 0);
