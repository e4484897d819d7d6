using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The optimiser's step on a lens' vocabulary side, a block of tokens at a time: the block's gradient is made
/// and used at once, so a gradient as large as the weights never exists, and on the host it stays in cache.
/// </summary>
static class VocabularyUpdate
{
    // 4 MiB on the host: a third-level cache holds it. More elsewhere, where a launch costs more than memory.
    const long HostFloats = 1L << 20, DeviceFloats = 1L << 23;
    const int Multiple = 16; // tokens: blocks begin where rows of 16 floats are whole cache lines

    /// <summary>Tokens of a block.</summary>
    internal static int BlockTokens(ComputeDevice device, int width, int V)
    {
        long tokens = (device.Kind == DeviceKind.Cpu ? HostFloats : DeviceFloats) / width / Multiple * Multiple;
        return (int)Math.Clamp(tokens, Multiple, Math.Max(V, Multiple));
    }
}
