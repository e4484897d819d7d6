using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The Jacobians of one prompt (Gurnee et al. 2026): for each source, the sum over t in V of the sum over t'
/// in V, t' >= t, of dh_L[t'] / dh[t], [C, C]. h_L is the stream after the last block, before the final
/// LayerNorm.
/// </summary>
/// <remarks>
/// The batch holds the prompt R times. Row b of a backward pass starts from the one-hot vector of output
/// dimension first + b at all positions of V, so the gradient at a source position is already the sum over
/// t'; attention is causal, so t' &lt; t adds 0. One backward pass serves all sources, and no gradient of a
/// parameter is made. Each row has the bits that it has alone, so R does not change the result.
/// </remarks>
sealed class JacobianPass : IDisposable
{
    readonly LanguageModel _model;
    readonly IReadOnlyList<Site> _sources;
    readonly ModelSession _session;
    readonly ParameterGradients _none;
    readonly TensorArena _arena;
    readonly Tensor _sums; // [sources, R, C]
    readonly int _R;

    /// <param name="model">The model; its weights are not changed.</param>
    /// <param name="sources">Streams of the model.</param>
    /// <param name="rows">R: output dimensions of a backward pass; more than C are not used.</param>
    /// <param name="maxTokens">Largest number of tokens of a prompt.</param>
    /// <exception cref="UserException">The passes do not fit the device.</exception>
    internal JacobianPass(LanguageModel model, IReadOnlyList<Site> sources, int rows, int maxTokens)
    {
        (_model, _sources, _R) = (model, sources, Math.Min(rows, model.Config.Width));
        int C = model.Config.Width;
        _none = ParameterGradients.Create(model, new HashSet<string>());
        try
        {
            _arena = new TensorArena(model.Device, (long)sources.Count * _R * C + 64, "rows of Jacobians");
            _sums = _arena.Cut("rows of Jacobians", sources.Count, _R, C);
            _session = new ModelSession(model, new SessionOptions
            {
                MaxRows = _R, MaxTokens = maxTokens, Backward = true, RecordGradients = sources,
            });
        }
        catch
        {
            _arena?.Dispose();
            _none.Dispose();
            throw;
        }
    }

    /// <summary>Computes the sums of a prompt.</summary>
    /// <param name="tokens">T token ids.</param>
    /// <param name="valid">V.</param>
    /// <param name="sums">[sources][C, C]: row i holds the gradients of output dimension i; written.</param>
    /// <exception cref="UserException">The prompt does not fit the model, or a number is not
    /// finite.</exception>
    internal void Run(IReadOnlyList<int> tokens, Range valid, float[][] sums)
    {
        int C = _model.Config.Width, T = tokens.Count;
        (int from, int count) = valid.GetOffsetAndLength(T);
        _session.Forward(new SequenceBatch([.. Enumerable.Repeat(tokens, _R)]));
        float[] cotangents = new float[(long)_R * T * C];
        float[] rows = new float[_sums.Length];
        Site target = Site.ResidPost(_model.Config.Layers - 1);
        for (int first = 0; first < C; first += _R)
        {
            int used = Math.Min(_R, C - first);
            Array.Clear(cotangents);
            for (int b = 0; b < used; b++)
                for (int t = from; t < from + count; t++)
                    cotangents[((long)b * T + t) * C + first + b] = 1f;
            _session.Backward(target, cotangents, _none);
            AddPositions(T, from, count, used);
            _sums.Download(rows);
            for (int s = 0; s < _sources.Count; s++)
                rows.AsSpan(s * _R * C, used * C).CopyTo(sums[s].AsSpan(first * C));
        }
        if (_model.RequiresFinite && sums.Any(s => s.Any(v => !float.IsFinite(v))))
            throw new UserException("a gradient of the last stream is not finite, so there is no Jacobian; "
                + "expected a model with smaller values");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _arena.Dispose();
        _none.Dispose();
    }

    // The sum over the source positions, position after position.
    void AddPositions(int T, int from, int count, int used)
    {
        int C = _model.Config.Width;
        _model.Ops.Fill(_sums, 0f);
        for (int s = 0; s < _sources.Count; s++)
        {
            Tensor gradient = _session.SiteGradients[_sources[s]].Tensor!;
            for (int b = 0; b < used; b++)
                _model.Ops.BiasGradient(
                    gradient.Slice("gradient at the positions", ((long)b * T + from) * C, count, C),
                    _sums.Slice("row of a Jacobian", ((long)s * _R + b) * C, C));
        }
    }
}
