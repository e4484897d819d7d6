// One tile of queries of one head against all keys before them: online softmax in vectors of queries.

namespace HeadTap.Kernels;

/// <summary>
/// The state of <see cref="AttentionHost"/> for a head: packed keys and values, and a tile's sums.
/// </summary>
readonly unsafe struct AttentionTile<TWidth, TVector>
    where TVector : struct
    where TWidth : struct, ISimd<TVector>
{
    const int KeyTile = AttentionHost.KeyTile;

    readonly int _D, _length, _row;
    readonly float _scale;
    readonly float* _keys, _values, _queries, _scores, _mix, _index, _max, _sum;

    /// <param name="D">Size of the head.</param>
    /// <param name="length">Real tokens; rows after them are neither read nor written.</param>
    /// <param name="scale">The factor of the scores; positive.</param>
    internal AttentionTile(int D, int length, float scale)
    {
        (_D, _length, _scale) = (D, length, scale);
        _row = HostTile.RoundUp(D, HostTile.RowStep);
        long packed = (long)HostTile.RoundUp(length, HostTile.RowStep) * _row;
        _keys = HostScratch.Floats(0, packed);
        _values = HostScratch.Floats(1, packed);
        _queries = HostScratch.Floats(2, (D + KeyTile + _row + 3) * Queries);
        _scores = _queries + D * Queries;
        _mix = _scores + KeyTile * Queries;
        _index = _mix + _row * Queries;
        _max = _index + Queries;
        _sum = _max + Queries;
    }

    /// <summary>Queries of a tile: two vectors.</summary>
    internal static int Queries => 2 * TWidth.Lanes;

    /// <summary>
    /// Copies the head's real keys and values: as they stand, 3C floats apart, they share few cache sets.
    /// </summary>
    internal void LoadKeys(float* k, float* v, long stride)
    {
        int padded = HostTile.RoundUp(_length, HostTile.RowStep);
        HostTile.Pack(k, stride, _length, _D, _keys, _row, padded);
        HostTile.Pack(v, stride, _length, _D, _values, _row, padded);
    }

    /// <summary>Sums over the keys of queries q0 .. q0 + real.</summary>
    internal void Attend(float* q, long stride, int q0, int real)
    {
        HostTile.PackTransposed(q, stride, real, _D, _queries, Queries);
        for (int i = 0; i < Queries; i++)
            (_index[i], _max[i], _sum[i]) = (q0 + i, float.NegativeInfinity, 0f);
        new Span<float>(_mix, _row * Queries).Clear();
        for (int k0 = 0; k0 < q0 + real; k0 += KeyTile)
        {
            int keys = HostTile.RoundUp(Math.Min(KeyTile, q0 + real - k0), HostTile.RowStep);
            HostTile.Multiply<TWidth, TVector>(_keys + (long)k0 * _row, _row, 1, _queries, Queries,
                _scores, Queries, keys, Queries, _D, add: false);
            if (k0 + keys > q0 + 1)
                Mask(_scores, _index, k0, keys, float.NegativeInfinity);
            for (int lane = 0; lane < Queries; lane += TWidth.Lanes)
                Softmax(lane, keys);
            HostTile.Multiply<TWidth, TVector>(_values + (long)k0 * _row, 1, _row, _scores, Queries,
                _mix, Queries, _row, Queries, keys, add: true);
        }
    }

    /// <summary>Writes z and logSumExp of the tile, zeros from row <paramref name="real"/> on.</summary>
    internal void Store(float* z, long stride, float* logSumExp, int real, int rows)
    {
        for (int i = 0; i < real; i++)
        {
            logSumExp[i] = _max[i] + DeviceMath.Log(_sum[i]);
            _sum[i] = 1f / _sum[i];
        }
        HostTile.UnpackTransposed<TWidth, TVector>(_mix, Queries, _sum, real, _D, z, stride);
        for (int i = real; i < rows; i++)
        {
            new Span<float>(z + i * stride, _D).Clear();
            logSumExp[i] = 0f;
        }
    }

    /// <summary>Writes <paramref name="masked"/> where the key comes after the query.</summary>
    internal static void Mask(float* scores, float* index, int k0, int keys, float masked)
    {
        TVector value = TWidth.Create(masked);
        for (int j = 0; j < keys; j++)
        {
            TVector key = TWidth.Create(k0 + j);
            for (int lane = 0; lane < Queries; lane += TWidth.Lanes)
            {
                float* at = scores + j * Queries + lane;
                TWidth.Store(TWidth.IfLess(TWidth.Load(index + lane), key, value, TWidth.Load(at)), at);
            }
        }
    }

    // Scores become weights exp(scale * s - max); what was summed before shrinks to the new maximum.
    void Softmax(int lane, int keys)
    {
        float* scores = _scores + lane;
        TVector scale = TWidth.Create(_scale), before = TWidth.Load(_max + lane), max = before;
        for (int j = 0; j < keys; j++)
        {
            TVector s = TWidth.Multiply(TWidth.Load(scores + j * Queries), scale);
            max = TWidth.IfLess(max, s, s, max); // a NaN is not taken, and makes its weight NaN below
        }
        TVector shift = TWidth.Subtract(TWidth.Create(0f), max);
        TVector shrink = HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(before, max)); // 0 at the first tile
        TVector sum = TWidth.Multiply(TWidth.Load(_sum + lane), shrink);
        for (int j = 0; j < keys; j++)
        {
            TVector s = TWidth.Load(scores + j * Queries);
            TVector p = HostSimd.Exp<TWidth, TVector>(TWidth.MultiplyAdd(s, scale, shift));
            TWidth.Store(p, scores + j * Queries);
            sum = TWidth.Add(sum, p);
        }
        TWidth.Store(max, _max + lane);
        TWidth.Store(sum, _sum + lane);
        for (int d = 0; d < _row; d++)
        {
            float* mix = _mix + d * Queries + lane;
            TWidth.Store(TWidth.Multiply(TWidth.Load(mix), shrink), mix);
        }
    }
}
