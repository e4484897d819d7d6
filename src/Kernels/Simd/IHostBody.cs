namespace HeadTap.Kernels;

/// <summary>
/// A host body over a range of items (rows, columns, elements): its fields are the arguments, and
/// <see cref="HostSimd.Ranges"/> picks the vector width and the threads.
/// </summary>
public interface IHostBody
{
    /// <summary>Computes items [<paramref name="first"/>, <paramref name="end"/>).</summary>
    void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>;
}
