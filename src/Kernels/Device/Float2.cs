#pragma warning disable CA1051 // fields: registers

namespace HeadTap.Kernels;

/// <summary>Two floats that one store takes together.</summary>
struct Float2
{
    public float X, Y;
}
