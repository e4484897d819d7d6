using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// How close lenses come to the model on texts, beside lenses that are not learned and beside a distribution
/// that knows how often tokens are and nothing else.
/// </summary>
/// <remarks>
/// Layers one after the other, each with its own forward passes: a head lens of GPT-2 small has 1.9 GB a
/// layer, and a forward pass costs a fifth of the logits of a layer's heads. Whole rows of logits exist for
/// <see cref="Block"/> positions at a time; sums over the vocabulary and means are float64 in a fixed order.
/// </remarks>
public static class LensEvaluation
{
    /// <summary>Positions whose logits are held at once.</summary>
    internal const int Block = 64;

    /// <summary>Measures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">Its lens.</param>
    /// <param name="layers">Which of its layers.</param>
    /// <param name="rows">Token ids; rows without any are left out.</param>
    /// <param name="unigram">[V]: how often tokens are; null where that is not known.</param>
    /// <param name="options">Where and what.</param>
    /// <param name="progress">Told the share done after each block.</param>
    /// <exception cref="UserException">No row has a token, one does not fit the model, or the lens does not
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
                    if (scores.Count == 0) // the model says the same beside every layer
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

    /// <summary>The rows that have a token.</summary>
    /// <exception cref="UserException">None has.</exception>
    public static IReadOnlyList<int>[] Usable(IReadOnlyList<IReadOnlyList<int>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        IReadOnlyList<int>[] usable = [.. rows.Where(r => r.Count > 0)];
        return usable.Length > 0 ? usable
            : throw new UserException("the texts have no usable position; expected at least one token");
    }

    // log((c + 1) / (N + V)): a token that the training texts lack is not impossible.
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
