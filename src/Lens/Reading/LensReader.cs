using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Reads lenses as words (Attention Lens, section 1.6): for each head, the tokens with the largest lens
/// logits and the logit of the model's own next token.
/// </summary>
/// <remarks>
/// A head's logits are its own features times its part of the map, plus its share of the bias if heads have
/// one. A tuned lens reads the stream before a layer and gives no logits for heads.
/// </remarks>
public static class LensReader
{
    /// <summary>Returns the number of positions whose logits are held at once.</summary>
    /// <remarks>At most the width of a head, so a head lens needs no second copy of its maps.</remarks>
    public static int PositionsAtOnce(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Math.Min(32, config.Width / config.Heads);
    }

    /// <summary>Returns the model's own most probable next tokens at each gathered position.</summary>
    /// <param name="model">Model that gathered the positions.</param>
    /// <param name="at">Gathered positions.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    /// <returns>[n][top]: tokens by descending probability; ties go to the lower id.</returns>
    public static IReadOnlyList<IReadOnlyList<ModelToken>> Model(
        LanguageModel model, LensActivations at, int top)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(at);
        using var page = new Page(model, model.Config.Width, top);
        VocabularyMap map = LensActivations.ModelHead(model);
        var words = new List<IReadOnlyList<ModelToken>>(at.Count);
        foreach ((int first, int n) in Chunks(at, model.Config))
        {
            Tensor logits = page.Logits(map, at.Normalized.SliceRows(first, n));
            float[] all = logits.ToArray();
            LensToken[][] largest = page.Top(logits);
            for (int i = 0; i < n; i++)
            {
                double sum = LogSumExp.Of(all.AsSpan(i * model.Config.VocabSize, model.Config.VocabSize));
                words.Add([.. largest[i]
                    .Select(t => new ModelToken(t.Id, t.Logit, Math.Exp(t.Logit - sum)))]);
            }
        }
        return words;
    }

    /// <summary>Reads one layer's lens at each gathered position.</summary>
    /// <param name="lens">The layer's lens.</param>
    /// <param name="at">Gathered positions with the activations that the lens reads.</param>
    /// <param name="heads">Heads to read, from 0; not used if the lens reads no heads.</param>
    /// <param name="favoured">[n]: the token whose <see cref="LensWords.CenteredLogit"/> is computed.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    public static LayerReading Layer(LayerLens lens, LensActivations at, IReadOnlyList<int> heads,
        IReadOnlyList<int> favoured, int top)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(at);
        ArgumentNullException.ThrowIfNull(heads);
        ArgumentNullException.ThrowIfNull(favoured);
        if (favoured.Count != at.Count)
            throw new ArgumentException($"{favoured.Count} tokens for {at.Count} positions.");
        foreach (int head in heads)
            lens.RequireHead(head);
        ModelConfig config = lens.Model.Config;
        lens.Prepare(PositionsAtOnce(config));
        int headWidth = lens.ReadsHeads ? lens.HeadFeatureWidth : 0;
        using var page = new Page(lens.Model, lens.FeatureWidth + headWidth, top);
        Tensor? bias = lens.ReadsHeads && lens.HeadBias(page.Bias) ? page.Bias : null;
        var whole = new List<LensWords>(at.Count);
        List<LensWords>[] ofHead = lens.ReadsHeads
            ? [.. heads.Select(_ => new List<LensWords>(at.Count))] : [];
        foreach ((int first, int n) in Chunks(at, config))
        {
            LensInputs inputs = at.Of(lens.Layer, first, n);
            int[] tokens = [.. favoured.Skip(first).Take(n)];
            Tensor x = page.Features(n, lens.FeatureWidth);
            lens.Features(inputs, x);
            whole.AddRange(page.Words(page.Logits(lens.Map, x), tokens));
            for (int i = 0; i < ofHead.Length; i++)
            {
                Tensor own = page.Features(n, headWidth, after: x);
                lens.HeadFeatures(inputs, x, heads[i], own);
                ofHead[i].AddRange(page.Words(page.Logits(lens.HeadMap(heads[i], bias), own), tokens));
            }
        }
        return new(lens.Layer, whole, [.. ofHead.Select((words, i) => new HeadReading(heads[i], words))]);
    }

    /// <summary>
    /// Measures the distribution of one layer's lens at each gathered position, beside the model's own.
    /// </summary>
    /// <param name="lens">The layer's lens; what it makes of the whole layer is measured.</param>
    /// <param name="at">Gathered positions with the activations that the lens reads.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    /// <returns>[n]</returns>
    public static IReadOnlyList<StreamReading> Stream(LayerLens lens, LensActivations at, int top)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(at);
        ModelConfig config = lens.Model.Config;
        lens.Prepare(PositionsAtOnce(config));
        using var page = new Page(lens.Model, lens.FeatureWidth, top);
        VocabularyMap head = LensActivations.ModelHead(lens.Model);
        var readings = new List<StreamReading>(at.Count);
        foreach ((int first, int n) in Chunks(at, config))
        {
            float[] own = page.Logits(head, at.Normalized.SliceRows(first, n)).ToArray();
            Tensor x = page.Features(n, lens.FeatureWidth);
            lens.Features(at.Of(lens.Layer, first, n), x);
            readings.AddRange(StreamReading.Of(
                page.Logits(lens.Map, x).ToArray(), own, config.VocabSize, top));
        }
        return readings;
    }

    static IEnumerable<(int First, int Count)> Chunks(LensActivations at, ModelConfig config)
    {
        int size = PositionsAtOnce(config);
        for (int first = 0; first < at.Count; first += size)
            yield return (first, Math.Min(size, at.Count - first));
    }

    // Logits of a chunk of positions, and the top tokens and sums made from them.
    sealed class Page : IDisposable
    {
        readonly LanguageModel _model;
        readonly TensorArena _arena;
        readonly int _top;
        Tensor _features = null!, _logits = null!, _values = null!, _sums = null!, _own = null!;
        IndexTensor _tokens = null!, _places = null!;

        internal Page(LanguageModel model, int featureWidth, int top)
        {
            if (top < 1 || top > model.Config.VocabSize)
                throw new ArgumentOutOfRangeException(nameof(top));
            (_model, _top) = (model, top);
            int rows = PositionsAtOnce(model.Config);
            _arena = new TensorArena(model.Device,
                TensorArena.Measure(model.Device, a => Cut(a, rows, featureWidth)), "a lens' words");
            Cut(_arena, rows, featureWidth);
        }

        /// <summary>[V]: room for a head's share of the bias.</summary>
        internal Tensor Bias { get; private set; } = null!;

        public void Dispose() => _arena.Dispose();

        void Cut(TensorArena arena, int rows, int featureWidth)
        {
            int V = _model.Config.VocabSize;
            Bias = arena.Cut("a head's share of the bias", V);
            _features = arena.Cut("features", rows, featureWidth);
            _logits = arena.Cut("lens logits", rows, V);
            _values = arena.Cut("the largest", rows, _top);
            _tokens = arena.CutIndices("their tokens", rows, _top);
            _sums = arena.Cut("sums over the vocabulary", rows);
            _own = arena.Cut("logits of the model's tokens", rows, 1);
            _places = arena.CutIndices("where they are", rows);
        }

        internal Tensor Features(int rows, int width, Tensor? after = null)
            => _features.Slice("features", after?.Length ?? 0, rows, width);

        internal Tensor Logits(VocabularyMap map, Tensor x)
        {
            Tensor logits = _logits.SliceRows(0, x.Rows);
            LensLogits.Fill(_model, map, x, logits);
            return logits;
        }

        internal LensToken[][] Top(Tensor logits)
        {
            int n = logits.Rows;
            Tensor values = _values.SliceRows(0, n);
            IndexTensor tokens = _tokens.Slice(_tokens.Name, 0, n, _top);
            _model.Ops.TopK(logits, values, tokens, _top);
            float[] largest = values.ToArray();
            return [.. tokens.ToArray().Select((id, i) => new LensToken(id, largest[i])).Chunk(_top)];
        }

        internal IEnumerable<LensWords> Words(Tensor logits, int[] favoured)
        {
            int n = logits.Rows, V = logits.Columns;
            Tensor sums = _sums.Slice(_sums.Name, 0, n), own = _own.SliceRows(0, n);
            IndexTensor places = _places.Slice(_places.Name, 0, n);
            places.Upload([.. favoured.Select((token, i) => i * V + token)]);
            _model.Ops.RowSums(logits, sums);
            _model.Ops.Gather(places, logits.Reshape(n * V, 1), own);
            float[] total = sums.ToArray(), picked = own.ToArray();
            return Top(logits).Select((top, i) => new LensWords(top, picked[i] - total[i] / V));
        }
    }
}
