using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Attention's tensors on a device, seeded; outputs start as garbage, because the ops write them.
/// </summary>
sealed class AttentionRun : IDisposable
{
    readonly TensorArena _arena;
    readonly AttentionReference _shape;
    readonly IndexTensor _lengths;
    readonly Tensor _qkv, _z, _lse, _rowDots, _dQkv, _dZ;

    public AttentionRun(string device, AttentionReference shape, float deviation = 1f)
        : this(TestDevice.Open(device), shape, Normal(11, shape.B * shape.T * 3 * shape.C, 0f, deviation))
    {
    }

    public AttentionRun(ComputeDevice device, AttentionReference shape, float[] qkv)
    {
        _shape = shape;
        Qkv = qkv;
        int rows = shape.B * shape.T, C = shape.C;
        DZ = Normal(12, rows * C);
        _arena = new TensorArena(device, 9L * rows * C + 2 * shape.B * shape.H * shape.T + shape.B + 256);
        Ops = new Ops(device);
        _qkv = _arena.Upload("qkv", qkv, rows, 3 * C);
        _lengths = _arena.UploadIndices("lengths", shape.Lengths, shape.B);
        _z = _arena.Upload("z", Garbage(rows * C), rows, C);
        _lse = _arena.Upload("logSumExp", Garbage(shape.B * shape.H * shape.T), shape.B, shape.H, shape.T);
        _rowDots = _arena.Upload("rowDots", Garbage(shape.B * shape.H * shape.T), shape.B, shape.H, shape.T);
        _dZ = _arena.Upload("dZ", DZ, rows, C);
        _dQkv = _arena.Upload("dQkv", Garbage(rows * 3 * C), rows, 3 * C);
    }

    public Ops Ops { get; }

    public float[] Qkv { get; }

    public float[] DZ { get; }

    public (float[] Z, float[] LogSumExp) Forward()
    {
        Ops.Attention(_qkv, _lengths, _z, _lse, _shape.B, _shape.T, _shape.H, (float)_shape.Scale);
        return Outputs();
    }

    /// <summary>What the last forward pass wrote.</summary>
    public (float[] Z, float[] LogSumExp) Outputs() => (_z.ToArray(), _lse.ToArray());

    public float[] Backward()
    {
        Ops.Attention(_qkv, _lengths, _z, _lse, _shape.B, _shape.T, _shape.H, (float)_shape.Scale);
        Ops.AttentionBackward(
            _qkv, _lengths, _z, _lse, _dZ, _rowDots, _dQkv, _shape.B, _shape.T,
            _shape.H, (float)_shape.Scale);
        return _dQkv.ToArray();
    }

    /// <summary>Backward with other contents of dZ.</summary>
    public float[] Backward(float[] dZ)
    {
        _dZ.Upload(dZ);
        return Backward();
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Values that no op may leave in an output it writes.</summary>
    internal static float[] Garbage(int count) => [.. Enumerable.Repeat(float.NaN, count)];
}
