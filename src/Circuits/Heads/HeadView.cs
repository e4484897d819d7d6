namespace HeadTap.Circuits;

/// <summary>What one head does in one window: its attention pattern and its z.</summary>
/// <param name="pattern">Patterns of a batch, [B, H, stride, stride].</param>
/// <param name="first">Index of the head's first attention weight.</param>
/// <param name="stride">Floats from one query's row to the next.</param>
/// <param name="z">z of a batch, [B, stride, H, D].</param>
/// <param name="firstZ">Index of the head's first number of z.</param>
/// <param name="width">Floats from one position's z to the next, H D.</param>
/// <param name="D">Width of a head.</param>
/// <param name="T">Number of tokens of the window.</param>
readonly struct HeadView(
    float[] pattern, int first, int stride, float[] z, int firstZ, int width, int D, int T)
{
    /// <summary>Number of tokens of the window.</summary>
    internal int Length => T;

    /// <summary>Attention of a query to the keys 0 to <paramref name="q"/>, [q + 1].</summary>
    internal ReadOnlySpan<float> Row(int q) => pattern.AsSpan(first + q * stride, q + 1);

    /// <summary>The head's mix of values at a position, [D].</summary>
    internal ReadOnlySpan<float> Z(int t) => z.AsSpan(firstZ + t * width, D);
}

/// <summary>Looks at heads as <see cref="HeadPass"/> shows them.</summary>
interface IHeadObserver
{
    /// <summary>
    /// Sees one head in one window. The windows of a head come in order; heads of a layer come at the same
    /// time on several threads, so nothing may be shared between heads.
    /// </summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="head">Head, from 0.</param>
    /// <param name="window">Index of the window, from 0.</param>
    /// <param name="tokens">Tokens of the window.</param>
    /// <param name="view">What the head does there.</param>
    void See(int layer, int head, int window, TokenRepeats tokens, in HeadView view);
}
