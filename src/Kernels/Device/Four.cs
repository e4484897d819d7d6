#pragma warning disable CA1051 // fields: registers

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Four floats, loaded and stored at once where they are aligned.</summary>
struct Four
{
    public float X, Y, Z, W;

    /// <summary>
    /// Up to four floats <paramref name="step"/> apart, zeros after <paramref name="count"/>.
    /// </summary>
    internal static Four Load(ArrayView<float> from, long at, long step, int count, int wide)
    {
        Four f = default;
        if (wide != 0 && count == 4)
            return from.SubView(at, 4).AsAligned(16).Cast<Four>()[0];
        if (count > 0)
            f.X = from[at];
        if (count > 1)
            f.Y = from[at + step];
        if (count > 2)
            f.Z = from[at + 2 * step];
        if (count > 3)
            f.W = from[at + 3 * step];
        return f;
    }
}

/// <summary>Two words.</summary>
struct Two
{
    public float X, Y;
}
