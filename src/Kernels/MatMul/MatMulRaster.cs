namespace HeadTap.Kernels;

/// <summary>
/// Maps groups to tiles of y. Groups that run together make a band of up to eight
/// tiles across, so that they share rows of x and columns of the weight in the second-level cache.
/// </summary>
static class MatMulRaster
{
    const int Band = 8;

    internal static int Row(int group, int M, int N, int tile)
        => InBand(group, M, tile) / Width(group, M, N, tile) * tile;

    internal static int Column(int group, int M, int N, int tile)
        => (BandOf(group, M, tile) * Band + InBand(group, M, tile) % Width(group, M, N, tile)) * tile;

    static int BandOf(int group, int M, int tile) => group / (Band * Tiles(M, tile));

    static int InBand(int group, int M, int tile) => group % (Band * Tiles(M, tile));

    static int Width(int group, int M, int N, int tile)
    {
        int left = Tiles(N, tile) - BandOf(group, M, tile) * Band;
        return left < Band ? left : Band;
    }

    static int Tiles(int lines, int tile) => (lines + tile - 1) / tile;
}
