namespace HeadTap.Kernels;

/// <summary>
/// Which tile of y a group makes, for tiles of 128 x 128. Groups that run together make a band of up to eight
/// tiles across, so that they share rows of x and columns of the weight in the second-level cache.
/// </summary>
static class MatMulRaster
{
    const int Tile = OperandTile.Lines, Band = 8;

    internal static int Row(int group, int M, int N)
        => InBand(group, M) / Width(group, M, N) * Tile;

    internal static int Column(int group, int M, int N)
        => (BandOf(group, M) * Band + InBand(group, M) % Width(group, M, N)) * Tile;

    static int BandOf(int group, int M) => group / (Band * Tiles(M));

    static int InBand(int group, int M) => group % (Band * Tiles(M));

    static int Width(int group, int M, int N)
    {
        int left = Tiles(N) - BandOf(group, M) * Band;
        return left < Band ? left : Band;
    }

    static int Tiles(int lines) => (lines + Tile - 1) / Tile;
}
