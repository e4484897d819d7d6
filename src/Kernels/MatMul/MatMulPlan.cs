namespace HeadTap.Kernels;

/// <summary>
/// How a product on the host is cut: y into blocks of rows by chunks of columns, each an item for one thread.
/// No sum depends on the cuts, so they may depend on anything.
/// </summary>
/// <param name="Blocks">Blocks of rows.</param>
/// <param name="Rows">Rows of a block; the last may have fewer.</param>
/// <param name="Chunks">Chunks of columns.</param>
/// <param name="Columns">Columns of a chunk, whole panels; the last may have fewer.</param>
/// <param name="PackX">Copies x into the order of the tiles first.</param>
/// <param name="WholeChunk">Packs all panels of a chunk before the first tile.</param>
readonly record struct MatMulPlan(int Blocks, int Rows, int Chunks, int Columns, bool PackX, bool WholeChunk)
{
    // 256 rows by 256 terms of x (256 KB) and by 16 panels of y (512 KB) stay in a second-level cache of 1 MB
    // while the weight streams through; 64 panels cost 2 to 5 % at 1024 rows, 512 rows 5 % (docs/log.md).
    const int MaxRows = 256;
    const int MaxPanels = 16;
    const int FewTerms = 64;
    const int PackFrom = 256;
    const int ChunkFloats = 32 * 1024; // a whole packed chunk: 128 KB
    const int ItemsPerThread = 4;
    // multiply-adds, about 20 microseconds; smaller items cost more than they share
    const long ItemTerms = 1_000_000;

    /// <summary>Items in all.</summary>
    public int Items => Blocks * Chunks;

    /// <summary>
    /// The plan for a product in tiles of <paramref name="tile"/> rows and <paramref name="width"/> columns.
    /// </summary>
    public static MatMulPlan Of(in MatMulShape s, int tile, int width, int threads)
    {
        int panels = Parts(s.N, width), tiles = Parts(s.M, tile);
        bool whole = s.K <= FewTerms && s.M > tile;
        int maxPanels = whole ? Math.Clamp(ChunkFloats / Math.Max(1, s.K * width), 1, MaxPanels) : MaxPanels;
        int fewestChunks = Parts(panels, maxPanels);
        long useful = Math.Max(1, (long)s.M * panels * width * s.K / ItemTerms);
        int items = (int)Math.Min(useful, (long)ItemsPerThread * threads);

        // Cycles an operand's element costs each item that reads it: fetched and perhaps copied.
        double xCost = s.XColumn == 1 ? 0.15 : 0.4, weightCost = s.WColumn == 1 ? 0.15 : 0.5;
        int blocks = 0, chunks = 0;
        double least = double.PositiveInfinity;
        int fewestBlocks = Parts(s.M, MaxRows);
        for (int b = fewestBlocks; b <= Math.Min(tiles, fewestBlocks + items); b++)
        {
            int c = Math.Min(panels, Math.Max(fewestChunks, Parts(items, b)));
            double cost = c * (double)s.M * xCost + b * (double)s.N * weightCost;
            if (cost < least)
                (blocks, chunks, least) = (b, c, cost);
        }
        int rows = Parts(tiles, blocks) * tile, columns = Parts(panels, chunks) * width;
        // Stepping through x by long rows misses caches where the copy does not (docs/log.md).
        bool packX = s.XRow == 1 && s.XColumn > PackFrom && columns > width;
        return new(Parts(s.M, rows), rows, Parts(s.N, columns), columns, packX, whole);
    }

    static int Parts(int whole, int part) => (whole + part - 1) / part;
}
