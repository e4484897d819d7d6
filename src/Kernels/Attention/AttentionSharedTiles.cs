// Tiles of one head in shared memory, and the two products that attention makes of them.
//
//     Scores   S[i,j] += sum_d A[i,d] B[j,d]         both tiles loaded the same way
//     Mix      O[i,d] += sum_j W[i,j] B[j,d]         W stored by StoreWeights
//
//   A, B   32 rows of at most 64 columns, kept [column][row]
//   W      32 x 32, kept [i][j]
//
// 64 threads, 8 x 8: a thread holds 4 x 4 of S (rows 4ty, columns 4tx) or 4 x 8 of O (rows 4ty, columns 4tx
// and 32 + 4tx), so eight floats that it reads from shared memory feed sixteen multiply-adds, twelve quads
// 128. Quads of four rows (of W: four columns) are shuffled by an exclusive or, so that the addresses of a
// quarter of a warp fall into different banks in every one of the patterns: q ^ (column / 4), in W q ^ (row /
// 4).

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>A thread's part of a tile of scores: four rows, four columns each.</summary>
struct ScoreBlock
{
    public Float4 R0, R1, R2, R3;
}

/// <summary>A thread's part of a tile of outputs: eight columns, four rows each.</summary>
struct OutputBlock
{
    public Float4 C0, C1, C2, C3, C4, C5, C6, C7;
}

/// <summary>Loads, products and stores of attention's tiles.</summary>
static class AttentionSharedTiles
{
    /// <summary>Threads per group.</summary>
    internal const int BlockSize = 64;

    /// <summary>Rows of a tile.</summary>
    internal const int Rows = 32;

    /// <summary>Columns of a tile; wider heads are loaded in chunks.</summary>
    internal const int Columns = 64;

    /// <summary>Floats of a tile.</summary>
    internal const int Floats = Rows * Columns;

    /// <summary>Floats of a tile of weights.</summary>
    internal const int Weights = Rows * Rows;

    const int QuadsOfRows = Rows / 4;

    /// <summary>Row group of this thread.</summary>
    internal static int Ty => Group.IdxX / 8;

    /// <summary>Column group of this thread.</summary>
    internal static int Tx => Group.IdxX & 7;

    /// <summary>
    /// Loads rows [first, first + 32) of 64 columns; zeros from row end on, and in columns that the head does
    /// not have, because <see cref="Mix"/> reads all of them.
    /// </summary>
    /// <param name="from">The rows.</param>
    /// <param name="tile">[64][32], shuffled.</param>
    /// <param name="first">First row of the tile, in the sequence.</param>
    /// <param name="end">Rows from here on are not read.</param>
    /// <param name="chunk">0 for the head's first 64 columns, 1 for the others.</param>
    internal static void Load(HeadRows from, ArrayView<float> tile, int first, int end, int chunk)
    {
        int c0 = Group.IdxX & 7, r0 = Group.IdxX / 8;
        int width = from.D - chunk * Columns;
        for (int n = 0; n < 8; n++)
        {
            int c = c0 + (n & 1) * 8, r = r0 + n / 2 * 8;
            Float4 x = Float4.All(0f);
            if (first + r < end && 4 * c < width)
                x = Read(from.View, from.At(first + r) + chunk * Columns + 4 * c,
                    width - 4 * c, from.Aligned);
            int at = 4 * c * Rows + ((r / 4 ^ c0) * 4 | (r & 3));
            tile[at] = x.X;
            tile[at + Rows] = x.Y;
            tile[at + 2 * Rows] = x.Z;
            tile[at + 3 * Rows] = x.W;
        }
    }

    /// <summary>A view that begins at a multiple of 16 bytes, as quads.</summary>
    internal static ArrayView<Float4> Quads(ArrayView<float> view) => view.AsAligned(16).Cast<Float4>();

    /// <summary>Four floats; zeros beyond the first <paramref name="count"/>.</summary>
    internal static Float4 Read(ArrayView<float> from, long at, int count, int aligned)
    {
        if (aligned != 0)
            return Quads(from)[at / 4];
        return new Float4(
            from[at], count > 1 ? from[at + 1] : 0f, count > 2 ? from[at + 2] : 0f,
            count > 3 ? from[at + 3] : 0f);
    }

    /// <summary>Adds the products of two tiles' columns, in their order.</summary>
    internal static ScoreBlock Scores(ArrayView<float> a, ArrayView<float> b, int D,
        int chunk, ScoreBlock sum)
    {
        int width = IntrinsicMath.Min(D - chunk * Columns, Columns);
        ArrayView<Float4> rows = Quads(a), columns = Quads(b);
        int ty = Ty, tx = Tx;
        for (int c = 0; 4 * c < width; c++)
        {
            int atA = 4 * c * QuadsOfRows + (ty ^ (c & 7)), atB = 4 * c * QuadsOfRows + (tx ^ (c & 7));
            sum = Outer(sum, rows[atA], columns[atB]);
            sum = Outer(sum, rows[atA + QuadsOfRows], columns[atB + QuadsOfRows]);
            sum = Outer(sum, rows[atA + 2 * QuadsOfRows], columns[atB + 2 * QuadsOfRows]);
            sum = Outer(sum, rows[atA + 3 * QuadsOfRows], columns[atB + 3 * QuadsOfRows]);
        }
        return sum;
    }

    /// <summary>Scores of queries i.. for keys j.., scaled; -infinity for keys after their query.</summary>
    internal static ScoreBlock UpToQuery(ScoreBlock s, float scale, int i, int j)
    {
        s.R0 = Float4.First(s.R0 * scale, i - j + 1);
        s.R1 = Float4.First(s.R1 * scale, i - j + 2);
        s.R2 = Float4.First(s.R2 * scale, i - j + 3);
        s.R3 = Float4.First(s.R3 * scale, i - j + 4);
        return s;
    }

    /// <summary>Scores of keys j.. for queries i.., scaled; -infinity for queries before their key.</summary>
    internal static ScoreBlock FromKey(ScoreBlock s, float scale, int j, int i)
    {
        s.R0 = Float4.From(s.R0 * scale, j - i);
        s.R1 = Float4.From(s.R1 * scale, j - i + 1);
        s.R2 = Float4.From(s.R2 * scale, j - i + 2);
        s.R3 = Float4.From(s.R3 * scale, j - i + 3);
        return s;
    }

    /// <summary>exp(s - offset), with one offset per row.</summary>
    internal static ScoreBlock Exponentials(ScoreBlock s, Float4 offsets)
    {
        s.R0 = Float4.Exp(s.R0 - Float4.All(offsets.X));
        s.R1 = Float4.Exp(s.R1 - Float4.All(offsets.Y));
        s.R2 = Float4.Exp(s.R2 - Float4.All(offsets.Z));
        s.R3 = Float4.Exp(s.R3 - Float4.All(offsets.W));
        return s;
    }

    /// <summary>Puts a thread's weights where <see cref="Mix"/> reads them.</summary>
    internal static void StoreWeights(ArrayView<float> weights, ScoreBlock w)
    {
        ArrayView<Float4> to = Quads(weights);
        int at = 4 * Ty * QuadsOfRows + (Tx ^ Ty);
        to[at] = w.R0;
        to[at + QuadsOfRows] = w.R1;
        to[at + 2 * QuadsOfRows] = w.R2;
        to[at + 3 * QuadsOfRows] = w.R3;
    }

    /// <summary>
    /// Adds the rows of a tile, weighted, in their order; there are <paramref name="rows"/> from its
    /// beginning on.
    /// </summary>
    internal static OutputBlock Mix(ArrayView<float> weights, ArrayView<float> tile,
        int rows, OutputBlock sum)
    {
        int count = IntrinsicMath.Min(rows, Rows);
        ArrayView<Float4> w = Quads(weights), b = Quads(tile);
        int ty = Ty, tx = Tx;
        for (int m = 0; 4 * m < count; m++)
        {
            int atW = 4 * ty * QuadsOfRows + (m ^ ty), atB = 4 * tx * QuadsOfRows + (m ^ tx);
            Float4 w0 = w[atW], w1 = w[atW + QuadsOfRows], w2 = w[atW + 2 * QuadsOfRows],
                w3 = w[atW + 3 * QuadsOfRows];
            sum.C0 = Along(sum.C0, w0, w1, w2, w3, b[atB]);
            sum.C1 = Along(sum.C1, w0, w1, w2, w3, b[atB + QuadsOfRows]);
            sum.C2 = Along(sum.C2, w0, w1, w2, w3, b[atB + 2 * QuadsOfRows]);
            sum.C3 = Along(sum.C3, w0, w1, w2, w3, b[atB + 3 * QuadsOfRows]);
            sum.C4 = Along(sum.C4, w0, w1, w2, w3, b[atB + 32 * QuadsOfRows]);
            sum.C5 = Along(sum.C5, w0, w1, w2, w3, b[atB + 33 * QuadsOfRows]);
            sum.C6 = Along(sum.C6, w0, w1, w2, w3, b[atB + 34 * QuadsOfRows]);
            sum.C7 = Along(sum.C7, w0, w1, w2, w3, b[atB + 35 * QuadsOfRows]);
        }
        return sum;
    }

    /// <summary>Multiplies each row by its factor.</summary>
    internal static OutputBlock ScaleRows(OutputBlock o, Float4 factors)
    {
        o.C0 *= factors;
        o.C1 *= factors;
        o.C2 *= factors;
        o.C3 *= factors;
        o.C4 *= factors;
        o.C5 *= factors;
        o.C6 *= factors;
        o.C7 *= factors;
        return o;
    }

    /// <summary>
    /// Writes a thread's outputs; zeros from row end to row T, from where on there are none.
    /// </summary>
    internal static void Store(OutputBlock o, HeadRows to, int first, int end, int T, int chunk)
    {
        for (int r = 0; r < 4; r++)
        {
            int row = first + 4 * Ty + r;
            if (row >= T)
                continue;
            long at = to.At(row) + chunk * Columns + 4 * Tx;
            int width = to.D - chunk * Columns - 4 * Tx;
            Float4 low = new(o.C0.At(r), o.C1.At(r), o.C2.At(r), o.C3.At(r));
            Float4 high = new(o.C4.At(r), o.C5.At(r), o.C6.At(r), o.C7.At(r));
            Write(to.View, at, row < end ? low : Float4.All(0f), width, to.Aligned);
            Write(to.View, at + 32, row < end ? high : Float4.All(0f), width - 32, to.Aligned);
        }
    }

    static void Write(ArrayView<float> to, long at, Float4 x, int count, int aligned)
    {
        if (count <= 0)
            return;
        if (aligned != 0)
        {
            Quads(to)[at / 4] = x;
            return;
        }
        to[at] = x.X;
        if (count > 1)
            to[at + 1] = x.Y;
        if (count > 2)
            to[at + 2] = x.Z;
        if (count > 3)
            to[at + 3] = x.W;
    }

    static ScoreBlock Outer(ScoreBlock sum, Float4 a, Float4 b)
    {
        sum.R0 += b * a.X;
        sum.R1 += b * a.Y;
        sum.R2 += b * a.Z;
        sum.R3 += b * a.W;
        return sum;
    }

    static Float4 Along(Float4 sum, Float4 w0, Float4 w1, Float4 w2, Float4 w3, Float4 x)
    {
        sum.X = sum.X + w0.X * x.X + w0.Y * x.Y + w0.Z * x.Z + w0.W * x.W;
        sum.Y = sum.Y + w1.X * x.X + w1.Y * x.Y + w1.Z * x.Z + w1.W * x.W;
        sum.Z = sum.Z + w2.X * x.X + w2.Y * x.Y + w2.Z * x.Z + w2.W * x.W;
        sum.W = sum.W + w3.X * x.X + w3.Y * x.Y + w3.Z * x.Z + w3.W * x.W;
        return sum;
    }
}
