using HeadTap.Models;
using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Lens;

/// <summary>
/// Initial values of lenses: the unembedding for every head (Attention Lens, section 1.3), in the form of the
/// lens' kind. With the same options, a head gives the same initial logits in the kinds head, thin and
/// shared.
/// </summary>
sealed class LensInitialValues
{
    const string Purpose = "a lens' first values";

    readonly LanguageModel _model;
    readonly LensOptions _options;
    readonly float[] _weight, _bias; // [V, C], [V]
    readonly Lazy<float[]> _directions; // of W_U; of a Jacobian's W_U J they are made for each layer

    internal LensInitialValues(LanguageModel model, LensOptions options)
    {
        (_model, _options) = (model, options);
        (_weight, _bias) = options.Initial switch
        {
            LensInitial.Folded or LensInitial.Jacobian => WeightProcessing.Unembedding(model),
            LensInitial.Raw => (model.Weights.Head.ToArray(),
                model.Weights.HeadBias?.ToArray() ?? new float[model.Config.VocabSize]),
            _ => (new float[model.Weights.Head.Length], new float[model.Config.VocabSize]),
        };
        _directions = new(() => Directions(_options.Initial == LensInitial.Zero
            ? _model.Weights.Head.ToArray() : _weight));
    }

    /// <summary>b_U [V], not multiplied by the number of heads.</summary>
    internal ReadOnlySpan<float> Bias => _bias;

    /// <summary>W_U transposed [V, C].</summary>
    internal ReadOnlySpan<float> Weight => _weight;

    /// <summary>Writes the initial parameters of a lens.</summary>
    internal void Write(LayerLens lens)
    {
        if (lens is TunedLens)
        {
            if (_options.Initial == LensInitial.Jacobian)
                WriteTuned(lens);
            return;
        }
        if (lens is EffectLens)
        {
            WriteEffect(lens);
            return;
        }
        int V = _model.Config.VocabSize, C = _model.Config.Width, H = _model.Config.Heads;
        Tensor? weight = lens.Parameters.FirstOrDefault(p => p.Name == "weight")?.Value;
        float[] first = WeightOf(lens.Layer);
        switch (lens)
        {
            case HeadLens:
                using (var arena = new TensorArena(_model.Device, _weight.Length + 64L, Purpose))
                {
                    Tensor columns = arena.Upload("W_U", first, V, C);
                    for (int h = 0; h < H; h++)
                        _model.Ops.WriteColumns(columns, weight!.Reshape(V, H * C), h * C);
                }
                break;
            case ThinLens:
                ThroughProjection(lens, first, weight!);
                break;
            case SharedLens:
                weight!.Upload(first);
                break;
            case ResidualLens:
                using (var arena = new TensorArena(_model.Device, 2L * V * C + 64, Purpose))
                {
                    Tensor heads = arena.Cut("of z", V, C);
                    ThroughProjection(lens, first, heads);
                    Tensor flat = weight!.Reshape(V, 2 * C);
                    _model.Ops.WriteColumns(arena.Upload("of the stream", first, V, C), flat, 0);
                    _model.Ops.WriteColumns(heads, flat, C);
                }
                break;
            case LowRankLens:
                WriteLowRank(lens, first, weight!);
                break;
        }
        if (lens.Parameters.FirstOrDefault(p => p.Name == "bias") is { } bias)
            bias.Value.Upload(SumOfBiases(lens));
    }

    // W_U [V, C], or W_U J: (h J^T) W_U^T = h (W_U J)^T.
    float[] WeightOf(int layer)
    {
        if (_options.Initial != LensInitial.Jacobian)
            return _weight;
        int V = _model.Config.VocabSize, C = _model.Config.Width;
        using var arena = new TensorArena(_model.Device, (2L * V + C) * C + 64, Purpose);
        Tensor behind = arena.Cut("W_U J", V, C);
        _model.Ops.MatMul(arena.Upload("W_U", _weight, V, C),
            arena.Upload("J", Jacobian(layer, JacobianSite.ResidMid), C, C), null, behind);
        return behind.ToArray();
    }

    // x + W x + b = J x: W = J - I of the stream before the layer. Before layer 0 no block has written, and
    // the lens begins as the logit lens.
    void WriteTuned(LayerLens lens)
    {
        if (lens.Layer == 0)
            return;
        int C = _model.Config.Width;
        float[] weight = Jacobian(lens.Layer - 1, JacobianSite.ResidPost);
        for (int c = 0; c < C; c++)
            weight[c * (C + 1)] -= 1f;
        lens.Parameters.Single(p => p.Name == "weight").Value.Upload(weight);
    }

    // K = W_O, direct logit attribution, or W_O J^T, or zero.
    void WriteEffect(LayerLens lens)
    {
        Tensor weight = lens.Parameters.Single(p => p.Name == "weight").Value;
        if (_options.Initial == LensInitial.Zero)
            return;
        if (_options.Initial != LensInitial.Jacobian)
        {
            _model.Ops.Copy(lens.Block.ProjWeight, weight);
            return;
        }
        int C = _model.Config.Width;
        using var arena = new TensorArena(_model.Device, (long)C * C + 64, Purpose);
        _model.Ops.MatMulTransposed(lens.Block.ProjWeight,
            arena.Upload("J", Jacobian(lens.Layer, JacobianSite.ResidMid), C, C), weight);
    }

    float[] Jacobian(int layer, JacobianSite site)
    {
        string folder = _options.InitialLens
            ?? throw new InvalidOperationException("These first values need the folder of a lens.");
        float[] values = new float[_model.Config.Width * _model.Config.Width];
        using SafetensorsReader reader =
            SafetensorsReader.Open(Path.Combine(folder, LensFolder.WeightsFile));
        if (LensFolder.ReadFacts(folder).Lens.Site != site)
            throw new UserException($"{Quoted.Path(folder)}: the lens does not read {site.Word()}, which "
                + "these first values need");
        reader.Read(LensFolder.Name(layer, "jacobian"), values);
        return values;
    }

    float[] SumOfBiases(LayerLens lens)
    {
        int times = _options.Bias switch
        {
            LensBias.PerHead => lens.BiasesInSum,
            LensBias.None => 0,
            _ => 1,
        };
        return Array.ConvertAll(_bias, b => times * b);
    }

    // B_h = W_O,h W_U: [V, C] times [C, C] transposed.
    void ThroughProjection(LayerLens lens, float[] first, Tensor into)
    {
        using var arena = new TensorArena(_model.Device, _weight.Length + 64L, Purpose);
        Tensor weight = arena.Upload("W_U", first, _model.Config.VocabSize, _model.Config.Width);
        _model.Ops.MatMulTransposed(weight, lens.Block.ProjWeight,
            into.Reshape(_model.Config.VocabSize, _model.Config.Width));
    }

    // U = E, the r directions of the stream that carry most of W_U, and P = E^T W_U, so U P is the best
    // approximation of W_U with rank r.
    void WriteLowRank(LayerLens lens, float[] first, Tensor weight)
    {
        int V = _model.Config.VocabSize, C = _model.Config.Width, H = _model.Config.Heads, r = _options.Rank;
        float[] directions = ReferenceEquals(first, _weight) ? _directions.Value // [C, r]
            : Directions(first);
        Tensor down = lens.Parameters.Single(p => p.Name == "down").Value;
        for (int h = 0; h < H; h++)
            down.Slice("U of a head", (long)h * C * r, C, r).Upload(directions);
        if (_options.Initial == LensInitial.Zero)
            return; // P = 0; U decides which maps P can reach
        using var arena = new TensorArena(
            _model.Device, (long)V * (C + r) + C * r + 64, Purpose);
        Tensor projected = arena.Cut("W_U E", V, r);
        _model.Ops.MatMul(arena.Upload("W_U", first, V, C), arena.Upload("E", directions, C, r), null,
            projected);
        for (int h = 0; h < H; h++)
            _model.Ops.WriteColumns(projected, weight.Reshape(V, H * r), h * r);
    }

    // Eigenvectors of W_U W_U^T, [C, C], by descending eigenvalue; signs make the largest entry positive.
    float[] Directions(float[] weight)
    {
        int V = _model.Config.VocabSize, C = _model.Config.Width, r = _options.Rank;
        using var arena = new TensorArena(_model.Device, ((long)V + C) * C + 64, "directions of W_U");
        Tensor w = arena.Upload("W_U", weight, V, C), products = arena.Cut("W_U W_U^T", C, C);
        _model.Ops.MatMulWeightGradient(w, w, products);
        float[] gram = products.ToArray();
        Matrix<double> vectors = Matrix<double>.Build
            .Dense(C, C, (i, j) => gram[Math.Max(i, j) * C + Math.Min(i, j)])
            .Evd(Symmetricity.Symmetric).EigenVectors; // by ascending eigenvalue
        float[] directions = new float[C * r];
        for (int k = 0; k < r; k++)
        {
            double[] vector = vectors.Column(C - 1 - k).ToArray();
            double sign = Math.Sign(vector.MaxBy(Math.Abs));
            for (int c = 0; c < C; c++)
                directions[c * r + k] = (float)(sign * vector[c]);
        }
        return directions;
    }
}
