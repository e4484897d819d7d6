using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>One product, cut into blocks of rows by chunks of columns; a block and chunk is an item.</summary>
readonly unsafe struct MatMulBlocks(float* x, float* weight, float* bias, float* y, MatMulShape s)
{
    /// <summary>Terms summed in registers before they are added to y.</summary>
    internal const int BlockK = 256;

    // 256 rows by 256 terms of x are 256 KB and stay in the second-level cache while the panels of the weight
    // pass by.
    internal static int RowsPerBlock = 256;
    internal static int ItemsPerThread = 4;
    internal static long TermsPerItem = 1_000_000; // multiply-adds: about 20 microseconds
    internal static int MaxPanels = 64;
    const int PanelSlot = HostScratch.Slots - 1, ColumnsSlot = HostScratch.Slots - 2;

    readonly float* _x = x, _weight = weight, _bias = bias, _y = y;
    readonly MatMulShape _s = s;

    /// <summary>Runs all items on all threads.</summary>
    public void RunAll<TWidth, TVector>()
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int blocks = (_s.M + RowsPerBlock - 1) / RowsPerBlock;
        int rows = RoundUp((_s.M + blocks - 1) / blocks, tile);
        int panels = (_s.N + width - 1) / width;
        long useful = Math.Max(1, (long)_s.M * _s.N * _s.K / TermsPerItem);
        int items = (int)Math.Min(useful, ItemsPerThread * HostThreads.Count);
        int chunks = Math.Max((items + blocks - 1) / blocks, (panels + MaxPanels - 1) / MaxPanels);
        chunks = Math.Min(chunks, panels);
        int columns = (panels + chunks - 1) / chunks * width;
        chunks = (_s.N + columns - 1) / columns;
        MatMulBlocks product = this;
        HostThreads.For(blocks * chunks, item => product.Item<TWidth, TVector>(
            item % blocks * rows, item / blocks * columns, rows, columns));
    }

    void Item<TWidth, TVector>(int i, int j, int rows, int columns)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int endRow = Math.Min(_s.M, i + rows), endColumn = Math.Min(_s.N, j + columns);
        float* panel = HostScratch.Floats(PanelSlot, BlockK * width);
        bool packed = _s.XRow == 1 && _s.XColumn != 1;
        float* xs = packed ? HostScratch.Floats(ColumnsSlot, (long)BlockK * (rows + tile)) : null;
        int k = 0;
        do
        {
            int terms = Math.Min(BlockK, _s.K - k);
            float* from = _x + i * _s.XRow + k * _s.XColumn;
            if (packed)
                MatMulPack.Columns(from, _s.XColumn, endRow - i, terms, xs, tile);
            for (int c = j; c < endColumn; c += width)
            {
                float* w = _weight + k * _s.WRow + c * _s.WColumn;
                MatMulPack.Weight<TWidth, TVector>(
                    w, _s.WRow, _s.WColumn, terms, Math.Min(width, endColumn - c), panel, width);
                if (packed)
                    Panel<TWidth, TVector>(xs, tile * (long)terms, 1, tile, panel, k, terms, i, endRow, c);
                else
                    Panel<TWidth, TVector>(
                        from, tile * _s.XRow, _s.XRow, _s.XColumn, panel, k, terms, i, endRow, c);
            }
            k += terms;
        }
        while (k < _s.K);
    }

    void Panel<TWidth, TVector>(
        float* from, long tileStride, long xRow, long xStep, float* panel, int k, int terms,
        int i, int endRow, int j)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int columns = Math.Min(width, _s.N - j);
        bool add = k > 0 || _s.Accumulate != 0;
        float* bias = k + terms >= _s.K && _bias != null ? _bias + j : null;
        float* to = _y + i * _s.YRow + j;
        float* next = _weight + k * _s.WRow + (j + width) * _s.WColumn;
        int lines = 0, perTile = 0, touched = 0;
        if (_s.WColumn == 1 && j + 2 * width <= _s.N)
        {
            lines = terms;
            perTile = (terms * tile + endRow - i - 1) / (endRow - i);
        }
        for (; i < endRow; i += tile, from += tileStride, to += tile * _s.YRow)
        {
            for (int end = Math.Min(lines, touched + perTile); touched < end; touched++)
            {
                Sse.Prefetch1(next + touched * _s.WRow);
                Sse.Prefetch1(next + touched * _s.WRow + 16);
            }
            int rows = Math.Min(tile, endRow - i);
            if (columns == width)
                MatMulTile.Run<TWidth, TVector>(from, xRow, xStep, rows, panel, terms, to, _s.YRow, bias, add);
            else
                Edge<TWidth, TVector>(from, xRow, xStep, rows, panel, terms, to, columns, bias, add);
        }
    }

    // The last panel when N is no multiple of its width: the tile goes by way of a buffer.
    void Edge<TWidth, TVector>(
        float* from, long xRow, long xStep, int rows, float* panel, int terms, float* to, int columns,
        float* bias, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int width = MatMulTile.Columns<TWidth, TVector>();
        float* sums = stackalloc float[MatMulTile.Rows<TWidth, TVector>() * width];
        MatMulTile.Run<TWidth, TVector>(from, xRow, xStep, rows, panel, terms, sums, width, null, false);
        for (int r = 0; r < rows; r++, sums += width, to += _s.YRow)
            for (int c = 0; c < columns; c++)
            {
                float sum = add ? to[c] + sums[c] : sums[c];
                to[c] = bias == null ? sum : sum + bias[c];
            }
    }

    static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
