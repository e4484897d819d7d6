// One tile of queries of one head, backwards: its dQ, and what it adds to dK and dV of the keys before it.

namespace HeadTap.Kernels;

/// <summary>The state of <see cref="AttentionBackwardHost"/> for a head.</summary>
readonly unsafe struct AttentionBackwardTile<TWidth, TVector>
    where TVector : struct
    where TWidth : struct, ISimd<TVector>
{
    const int KeyTile = AttentionHost.KeyTile;

    readonly int _D, _length, _row;
    readonly float _scale;
    readonly float* _keys, _values, _dKeys, _dValues;
    // rows: [query, column]; else transposed
    readonly float* _queries, _queryRows, _dMix, _dMixRows, _dQueries;
    readonly float* _weights, _dScores;
    readonly float* _index, _logSumExp, _dot;

    internal AttentionBackwardTile(int D, int length, float scale)
    {
        (_D, _length, _scale) = (D, length, scale);
        _row = HostTile.RoundUp(D, 2 * TWidth.Lanes); // a multiple of RowStep too
        long packed = (long)HostTile.RoundUp(length, HostTile.RowStep) * _row;
        _keys = HostScratch.Floats(0, packed);
        _values = HostScratch.Floats(1, packed);
        _dKeys = HostScratch.Floats(2, packed);
        _dValues = HostScratch.Floats(3, packed);
        new Span<float>(_dKeys, checked((int)packed)).Clear();
        new Span<float>(_dValues, checked((int)packed)).Clear();
        long tile = (long)_row * Queries, scores = KeyTile * Queries;
        _queries = HostScratch.Floats(4, 5 * tile + 2 * scores + 3 * Queries);
        _queryRows = _queries + tile;
        _dMix = _queryRows + tile;
        _dMixRows = _dMix + tile;
        _dQueries = _dMixRows + tile;
        _weights = _dQueries + tile;
        _dScores = _weights + scores;
        _index = _dScores + scores;
        _logSumExp = _index + Queries;
        _dot = _logSumExp + Queries;
    }

    static int Queries => AttentionTile<TWidth, TVector>.Queries;

    internal void LoadKeys(float* k, float* v, long stride)
    {
        int padded = HostTile.RoundUp(_length, HostTile.RowStep);
        HostTile.Pack(k, stride, _length, _D, _keys, _row, padded);
        HostTile.Pack(v, stride, _length, _D, _values, _row, padded);
    }

    internal void LoadQueries(
        float* q, long stride, float* dZ, float* z, long zStride, float* logSumExp, int q0, int real)
    {
        HostTile.PackTransposed(q, stride, real, _D, _queries, Queries);
        HostTile.PackTransposed(dZ, zStride, real, _D, _dMix, Queries);
        HostTile.Pack(q, stride, real, _D, _queryRows, _row, Queries);
        HostTile.Pack(dZ, zStride, real, _D, _dMixRows, _row, Queries);
        for (int i = 0; i < Queries; i++)
        {
            // A query that is not there has q = dZ = 0: weights of 1 that meet zeros only.
            _index[i] = q0 + i;
            _logSumExp[i] = i < real ? logSumExp[i] : 0f;
            _dot[i] = i < real ? HostRows.Dot<TWidth, TVector>(dZ + i * zStride, z + i * zStride, _D) : 0f;
        }
    }

    /// <summary>
    /// Sums dQ of the tile over all keys and adds its part of dK and dV, key tiles in order.
    /// </summary>
    internal void Differentiate(int q0, int real)
    {
        new Span<float>(_dQueries, _row * Queries).Clear();
        for (int k0 = 0; k0 < q0 + real; k0 += KeyTile)
        {
            int keys = HostTile.RoundUp(Math.Min(KeyTile, q0 + real - k0), HostTile.RowStep);
            long at = (long)k0 * _row;
            HostTile.Multiply<TWidth, TVector>(_keys + at, _row, 1, _queries, Queries,
                _weights, Queries, keys, Queries, _D, add: false);
            HostTile.Multiply<TWidth, TVector>(_values + at, _row, 1, _dMix, Queries,
                _dScores, Queries, keys, Queries, _D, add: false);
            if (k0 + keys > q0 + 1)
                AttentionTile<TWidth, TVector>.Mask(_weights, _index, k0, keys, float.NegativeInfinity);
            for (int lane = 0; lane < Queries; lane += TWidth.Lanes)
                Softmax(lane, keys);
            HostTile.Multiply<TWidth, TVector>(_keys + at, 1, _row, _dScores, Queries,
                _dQueries, Queries, HostTile.RoundUp(_D, HostTile.RowStep), Queries, keys, add: true);
            HostTile.Multiply<TWidth, TVector>(_dScores, Queries, 1, _queryRows, _row,
                _dKeys + at, _row, keys, _row, Queries, add: true);
            HostTile.Multiply<TWidth, TVector>(_weights, Queries, 1, _dMixRows, _row,
                _dValues + at, _row, keys, _row, Queries, add: true);
        }
    }

    internal void StoreQueries(float* dQ, long stride, int real)
    {
        new Span<float>(_dot, real).Fill(_scale);
        HostTile.UnpackTransposed<TWidth, TVector>(_dQueries, Queries, _dot, real, _D, dQ, stride);
    }

    internal void StoreKeys(float* dK, float* dV, long stride)
    {
        for (int j = 0; j < _length; j++)
        {
            HostTile.CopyRow(_dKeys + (long)j * _row, _D, dK + j * stride);
            HostRows.Scale<TWidth, TVector>(_scale, dK + j * stride, _D);
            HostTile.CopyRow(_dValues + (long)j * _row, _D, dV + j * stride);
        }
    }

    // Scores become weights p, and dP becomes p * (dP - dot).
    void Softmax(int lane, int keys)
    {
        TVector scale = TWidth.Create(_scale), dot = TWidth.Load(_dot + lane);
        TVector shift = TWidth.Subtract(TWidth.Create(0f), TWidth.Load(_logSumExp + lane));
        for (int j = 0; j < keys; j++)
        {
            float* weight = _weights + j * Queries + lane;
            float* dScore = _dScores + j * Queries + lane;
            TVector p = HostSimd.Exp<TWidth, TVector>(TWidth.MultiplyAdd(TWidth.Load(weight), scale, shift));
            TWidth.Store(p, weight);
            TWidth.Store(TWidth.Multiply(p, TWidth.Subtract(TWidth.Load(dScore), dot)), dScore);
        }
    }
}
