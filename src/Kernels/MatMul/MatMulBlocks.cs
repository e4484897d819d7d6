using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>One product on the host, cut into items by a <see cref="MatMulPlan"/>.</summary>
/// <typeparam name="TFinish">The body that runs on elements of y when they are summed.</typeparam>
readonly unsafe struct MatMulBlocks<TFinish>(
    float* x, float* weight, float* bias, float* y, MatMulShape s, TFinish finish)
    where TFinish : struct, IHostBody
{
    const int BlockK = MatMulHost.BlockK;

    // The last slots, so that a body that calls for a product has the others.
    const int PanelSlot = HostScratch.Slots - 1, ColumnsSlot = HostScratch.Slots - 2;
    const int LineFloats = 16;

    readonly float* _x = x, _weight = weight, _bias = bias, _y = y;
    readonly MatMulShape _s = s;
    readonly TFinish _finish = finish;

    /// <summary>Runs all items on all threads.</summary>
    public void RunAll<TWidth, TVector>()
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        var plan = MatMulPlan.Of(
            _s, MatMulTile.Rows<TWidth, TVector>(), MatMulTile.Columns<TWidth, TVector>(), HostThreads.Count);
        MatMulBlocks<TFinish> product = this;
        HostThreads.For(plan.Items, item => product.Item<TWidth, TVector>(
            item / plan.Chunks * plan.Rows, item % plan.Chunks * plan.Columns, plan));
    }

    void Item<TWidth, TVector>(int i, int j, MatMulPlan plan)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int endRow = Math.Min(_s.M, i + plan.Rows), endColumn = Math.Min(_s.N, j + plan.Columns);
        if (i >= endRow)
            return;
        int held = plan.WholeChunk ? plan.Columns * _s.K : BlockK * width;
        float* panels = HostScratch.Floats(PanelSlot, held);
        float* xs = plan.PackX ? HostScratch.Floats(ColumnsSlot, (long)BlockK * (plan.Rows + tile)) : null;
        int k = 0;
        do
        {
            int terms = Math.Min(BlockK, _s.K - k);
            float* from = _x + i * _s.XRow + k * _s.XColumn;
            var rows = new TileRows(from, tile * _s.XRow, _s.XRow, _s.XColumn);
            if (plan.PackX)
            {
                MatMulPack.Columns(from, _s.XColumn, endRow - i, terms, xs, tile);
                rows = new TileRows(xs, tile * (long)terms, 1, tile);
            }
            if (plan.WholeChunk)
                Chunk<TWidth, TVector>(rows, panels, terms, i, endRow, j, endColumn);
            else
                for (int c = j; c < endColumn; c += width)
                {
                    Pack<TWidth, TVector>(k, terms, c, endColumn, panels);
                    Panel<TWidth, TVector>(rows, panels, k, terms, i, endRow, c, endColumn);
                }
            k += terms;
        }
        while (k < _s.K);
        for (long row = i; row < endRow; row++)
            _finish.Run<TWidth, TVector>(row * _s.YRow + j, row * _s.YRow + endColumn);
    }

    void Pack<TWidth, TVector>(int k, int terms, int j, int endColumn, float* panel)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int width = MatMulTile.Columns<TWidth, TVector>();
        MatMulPack.Weight<TWidth, TVector>(_weight + k * _s.WRow + j * _s.WColumn, _s.WRow, _s.WColumn,
            terms, Math.Min(width, endColumn - j), panel, width);
    }

    // All rows over one panel, which stays in the first-level cache; meanwhile the next panel is fetched.
    void Panel<TWidth, TVector>(
        TileRows rows, float* panel, int k, int terms, int i, int endRow, int j, int endColumn)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int left = (endRow - i + tile - 1) / tile, next = j + width;
        // The panel's lines in memory: a short run for each term, or a long one for each column.
        bool byTerm = _s.WColumn == 1;
        int runs = byTerm ? terms : Math.Min(width, endColumn - next);
        int linesPerRun = ((byTerm ? width : terms) + LineFloats - 1) / LineFloats;
        long stride = byTerm ? _s.WRow : _s.WColumn;
        float* run = _weight + k * _s.WRow + next * _s.WColumn;
        if (next >= endColumn || !Sse.IsSupported)
            runs = 0;
        for (; i < endRow; i += tile, rows = rows.Next, left--)
        {
            for (int share = (runs + left - 1) / left; share > 0; share--, runs--, run += stride)
                for (int line = 0; line < linesPerRun; line++)
                    Sse.Prefetch1(run + line * LineFloats);
            Tile<TWidth, TVector>(rows, panel, k, terms, i, endRow, j, endColumn);
        }
    }

    // With few terms, writing y takes most of the time: all panels are packed first, and y is written along
    // its rows.
    void Chunk<TWidth, TVector>(
        TileRows rows, float* panels, int terms, int i, int endRow, int j, int endColumn)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        for (int c = j; c < endColumn; c += width)
            Pack<TWidth, TVector>(0, terms, c, endColumn, panels + (long)(c - j) * terms);
        for (; i < endRow; i += tile, rows = rows.Next)
            for (int c = j; c < endColumn; c += width)
                Tile<TWidth, TVector>(
                    rows, panels + (long)(c - j) * terms, 0, terms, i, endRow, c, endColumn);
    }

    void Tile<TWidth, TVector>(
        TileRows x, float* panel, int k, int terms, int i, int endRow, int j, int endColumn)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int tile = MatMulTile.Rows<TWidth, TVector>(), width = MatMulTile.Columns<TWidth, TVector>();
        int rows = Math.Min(tile, endRow - i), columns = endColumn - j;
        bool add = k > 0 || _s.Accumulate != 0;
        float* bias = k + terms >= _s.K && _bias != null ? _bias + j : null;
        float* to = _y + i * _s.YRow + j;
        if (columns >= width)
        {
            MatMulTile.Run<TWidth, TVector>(x.From, x.Row, x.Step, rows, panel, terms,
                to, _s.YRow, bias, add);
            return;
        }
        // The last columns when N is no multiple of the panel: by way of a buffer.
        float* sums = stackalloc float[tile * width];
        MatMulTile.Run<TWidth, TVector>(x.From, x.Row, x.Step, rows, panel, terms, sums, width, null, false);
        for (int r = 0; r < rows; r++, sums += width, to += _s.YRow)
            for (int c = 0; c < columns; c++)
            {
                float sum = add ? to[c] + sums[c] : sums[c];
                to[c] = bias == null ? sum : sum + bias[c];
            }
    }

    // The rows of x for a tile: in place, or packed.
    readonly struct TileRows(float* from, long tile, long row, long step)
    {
        public readonly float* From = from;
        public readonly long Row = row, Step = step;

        public TileRows Next => new(From + tile, tile, Row, Step);
    }
}
