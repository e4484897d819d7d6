using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Measures how close lenses come to the model on texts, and compares them with untrained lenses and with the
/// unigram distribution.
/// </summary>
/// <remarks>
/// Layers are measured one after the other, each with its own forward passes: a head lens of GPT-2 small has
/// 1.9 GB per layer, and a forward pass costs a fifth of the logits of a layer's heads. Full rows of logits
/// are held for <see cref="Block"/> positions at a time; sums over the vocabulary and means are float64 in a
/// fixed order.
/// </remarks>
public static class LensEvaluation
{
    /// <summary>Number of positions whose logits are held at once.</summary>
    internal const int Block = 64;

    /// <summary>Evaluates the lenses of several layers on texts.</summary>
    /// <param name="model">Model that the lenses are compared with.</param>
    /// <param name="source">Source of the model's lens.</param>
    /// <param name="layers">Layers to evaluate.</param>
    /// <param name="rows">Token ids per row; empty rows are left out.</param>
    /// <param name="unigram">[V]: counts of tokens in the lens' training texts; null if not known.</param>
    /// <param name="options">Positions, seed, top k and batch size.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1, after each block.</param>
    /// <exception cref="UserException">All rows are empty, a row does not fit the model, or the lens does not
    /// fit the device.</exception>
    public static LensEvaluationResult Run(LanguageModel model, LensSource source, IReadOnlyList<int> layers,
        IReadOnlyList<IReadOnlyList<int>> rows, int[]? unigram, LensEvaluationOptions options,
        Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<int>[] read = Usable(rows);
        SequenceBatch[] batches = [.. read.Chunk(options.BatchRows).Select(some => new SequenceBatch(some))];
        int[][] chosen = [.. batches.Select((b, i) => options.Positions.Of(b, options.Seed, i))];
        foreach (SequenceBatch batch in batches)
            batch.Validate(model.Config);
        long positions = chosen.Sum(c => (long)c.Length), done = 0;
        var own = new ModelSums(Smoothed(unigram, model.Config.VocabSize));
        var scores = new List<LayerScore>();
        foreach (int layer in layers)
        {
            using var pass = new LayerEvaluation(model, source, layer, options.Top);
            using var seen = new LensActivations(model, [layer], [source.Options.Kind],
                batches.Max(b => b.B), batches.Max(b => b.T), Math.Max(Block, chosen.Max(c => c.Length)));
            void Take()
            {
                for (int first = 0; first < seen.Count; first += Block)
                {
                    int n = Math.Min(Block, seen.Count - first);
                    ModelWords words = pass.Take(seen, first, n);
                    if (scores.Count == 0) // the model's own sums do not depend on the layer
                        own.Add(words);
                    progress?.Invoke((double)(done += n) / (positions * layers.Count));
                }
                seen.Clear();
            }
            for (int i = 0; i < batches.Length; i++)
            {
                if (seen.Count + chosen[i].Length > seen.Capacity)
                    Take();
                seen.Add(batches[i], chosen[i]);
            }
            Take();
            scores.Add(pass.Mean());
        }
        return new(read.Length, positions, own.Entropy / positions, own.UnigramKl / positions, scores);
    }

    /// <summary>Returns the rows that have at least one token.</summary>
    /// <exception cref="UserException">All rows are empty.</exception>
    public static IReadOnlyList<int>[] Usable(IReadOnlyList<IReadOnlyList<int>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        IReadOnlyList<int>[] usable = [.. rows.Where(r => r.Count > 0)];
        return usable.Length > 0 ? usable
            : throw new UserException("the texts have no usable position; expected at least one token");
    }

    // log((c + 1) / (N + V)): a token that the training texts lack keeps a small probability.
    static double[]? Smoothed(int[]? counts, int V)
    {
        if (counts is null || counts.Length != V)
            return null;
        double total = counts.Sum(c => (double)c) + V;
        return [.. counts.Select(c => Math.Log((c + 1.0) / total))];
    }

    sealed class ModelSums(double[]? logUnigram)
    {
        internal double Entropy { get; private set; }

        internal double? UnigramKl { get; private set; } = logUnigram is null ? null : 0;

        internal void Add(ModelWords words)
        {
            for (int i = 0; i < words.Count; i++)
            {
                Entropy += words.Entropy[i];
                UnigramKl += logUnigram is null ? null : words.KlFrom(i, logUnigram);
            }
        }
    }
}
