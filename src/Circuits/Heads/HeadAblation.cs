using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>What the loss of a text becomes without a head.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="Effect">Mean loss of a predicted token with the head's z replaced by its mean, minus that of
/// the model as it is, nats: above 0 where the head helps.</param>
/// <param name="Interval">95 % interval of the effect, from a bootstrap over windows; NaN with fewer than
/// two windows.</param>
public sealed record HeadEffect(int Layer, int Head, double Effect, Interval Interval);

/// <summary>
/// Mean ablation of every head: its z becomes its mean over a text at every position, and the loss on windows
/// of the text is measured again. What lies below a head's layer is computed once for each window; the heads
/// of a layer are rows of passes that are resumed there. On the host an effect has the same bits for any
/// number of rows.
/// </summary>
public sealed class HeadAblation : IDisposable
{
    const int TokensInPass = 2048; // more rows a pass are not faster on a host, and need more memory
    const ulong BootstrapStream = 0x686561647363; // apart from other draws

    readonly LanguageModel _model;
    readonly Edit[][] _edits; // [L][H]
    readonly ModelSession _whole, _rest;
    readonly int _rows;

    /// <summary>Allocates sessions for windows up to a length.</summary>
    /// <param name="model">The model; attached edits apply to both sides.</param>
    /// <param name="meanZ">[L][H D]: what z becomes.</param>
    /// <param name="maxTokens">Tokens of the longest window.</param>
    /// <param name="rows">Rows of a pass; 0 for as many as are worth it.</param>
    /// <exception cref="UserException">The windows do not fit the model or the device.</exception>
    public HeadAblation(LanguageModel model, IReadOnlyList<float[]> meanZ, int maxTokens, int rows = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(meanZ);
        _model = model;
        int H = model.Config.Heads, D = model.Config.HeadWidth;
        _rows = rows > 0 ? Math.Min(rows, H) : Math.Clamp(TokensInPass / maxTokens, 1, H);
        _edits = [.. meanZ.Select((mean, l) => Enumerable.Range(0, H).Select(h => new Edit
        {
            Site = Site.Z(l), Operation = EditOperation.Replace, Head = h,
            Value = EditValue.Numbers(mean[(h * D)..((h + 1) * D)]),
        }).ToArray())];
        _whole = new ModelSession(model, new SessionOptions
        {
            MaxTokens = maxTokens,
            Record = [.. Enumerable.Range(0, model.Config.Layers)
                .Select(l => new Site(SiteKind.ResidPre, l))],
        });
        try
        {
            _rest = new ModelSession(model, new SessionOptions { MaxRows = _rows, MaxTokens = maxTokens });
        }
        catch (UserException) // does not fit the device
        {
            _whole.Dispose();
            throw;
        }
    }

    /// <summary>Measures every head on windows.</summary>
    /// <param name="windows">Token ids of each window, at least two.</param>
    /// <param name="seed">Seed of the bootstrap.</param>
    /// <param name="progress">Told the share that is done.</param>
    /// <returns>[L H]</returns>
    /// <exception cref="UserException">There is no window, or a loss is not finite.</exception>
    public IReadOnlyList<HeadEffect> Run(
        IReadOnlyList<int[]> windows, ulong seed, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(windows);
        if (windows.Count == 0)
            throw new UserException("there is no window to measure a loss on; expected at least one");
        int L = _model.Config.Layers, H = _model.Config.Heads;
        double[][] changes = [.. Enumerable.Range(0, L * H).Select(_ => new double[windows.Count])];
        for (int w = 0; w < windows.Count; w++)
        {
            OneWindow(windows[w], (layer, head, change) => changes[layer * H + head][w] = change);
            progress?.Invoke((w + 1.0) / windows.Count);
        }
        double[] predicted = [.. windows.Select(w => w.Length - 1.0)];
        return [.. changes.Select((change, i) => new HeadEffect(i / H, i % H,
            change.Sum() / predicted.Sum(), Bootstrap.Of(windows.Count,
                drawn => drawn.Sum(w => change[w]) / drawn.Sum(w => predicted[w]),
                new SeededRandom(seed, BootstrapStream)))) ]; // the same draws for every head: comparable
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _whole.Dispose();
        _rest.Dispose();
    }

    void OneWindow(int[] tokens, Action<int, int, double> found)
    {
        var one = new SequenceBatch([tokens]);
        double before = Sum(_whole.TokenLosses(one, one.NextTokens()), 0, tokens.Length);
        for (int l = 0; l < _edits.Length; l++)
        {
            var from = new ResumePoint(
                l, _whole.Recordings[new Site(SiteKind.ResidPre, l)].ToArray());
            foreach (Edit[] pass in _edits[l].Chunk(_rows))
            {
                var rows = new SequenceBatch([.. pass.Select(_ => tokens)]);
                using (_model.Attach(pass.Select((edit, b) => edit with { Rows = [b] })))
                {
                    float[] losses = _rest.TokenLossesFrom(rows, rows.NextTokens(), from);
                    for (int b = 0; b < pass.Length; b++)
                        found(l, pass[b].Head!.Value,
                            Sum(losses, b * tokens.Length, tokens.Length) - before);
                }
            }
        }
    }

    static double Sum(float[] losses, int first, int count)
    {
        double sum = 0;
        foreach (float loss in losses.AsSpan(first, count))
            sum += loss;
        return sum;
    }
}
