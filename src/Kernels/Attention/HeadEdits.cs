// Edits of z that attention applies as it stores it, in their order:
//
//     x *= factor        0 writes zeros, over NaN too           or         x += factor * values
//
// the bits of EditKernels.Scale and EditKernels.Add. They travel as one table of whole numbers: the edits,
// one after the other, then their values as the bits of floats. An edit is
//
//   column, width   the columns of a row of z that are edited: a head, or all
//   factor          bits of a float
//   values          where its values begin in the table; -1: it scales
//   step            from the values of a listed row to those of the next; 0: all have the same
//   listed [rows]   which of the listed rows a row of z is; -1: not edited

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>One edit of z: rows are listed once, as in <see cref="EditKernels"/>.</summary>
/// <param name="RowIds">Rows of z, distinct.</param>
/// <param name="Column">The first column edited.</param>
/// <param name="Width">Columns edited: those of whole heads.</param>
/// <param name="Factor">The factor of the columns, or of the values.</param>
/// <param name="Values">[width], or [listed rows, width]; null scales the columns.</param>
public sealed record HeadEdit(int[] RowIds, int Column, int Width, float Factor, float[]? Values)
{
    /// <summary>Numbers of an edit before its list of rows.</summary>
    public const int Header = 5;

    /// <summary>Packs edits of a z with this many rows into one table.</summary>
    public static int[] Table(IReadOnlyList<HeadEdit> edits, int rows)
    {
        int length = (Header + rows) * edits.Count;
        int[] table = new int[length + edits.Sum(e => e.Values?.Length ?? 0)];
        for (int n = 0; n < edits.Count; n++)
        {
            HeadEdit e = edits[n];
            Span<int> edit = table.AsSpan(n * (Header + rows), Header + rows);
            bool perRow = e.Values is not null && e.Values.Length != e.Width;
            edit.Fill(-1);
            (edit[0], edit[1], edit[2]) = (e.Column, e.Width, BitConverter.SingleToInt32Bits(e.Factor));
            (edit[3], edit[4]) = (e.Values is null ? -1 : length, perRow ? e.Width : 0);
            for (int i = 0; i < e.RowIds.Length; i++)
                edit[Header + e.RowIds[i]] = i;
            foreach (float value in e.Values ?? [])
                table[length++] = BitConverter.SingleToInt32Bits(value);
        }
        return table;
    }
}

/// <summary>Whether a kernel applies edits, known when it is compiled.</summary>
interface IEditing
{
    static abstract bool Any { get; }
}

/// <summary>z is stored as it is.</summary>
struct Unedited : IEditing
{
    public static bool Any => false;
}

/// <summary>z is edited as it is stored.</summary>
struct Edited : IEditing
{
    public static bool Any => true;
}

/// <summary>The edits of one head of one sequence.</summary>
struct HeadEdits(ArrayView<int> table, int count, int rows, HeadTile tile, int D)
{
    readonly ArrayView<int> _table = table;
    readonly int _count = count, _size = HeadEdit.Header + rows, _column = tile.Head * D, _D = D;
    readonly long _row0 = HeadEdit.Header + tile.Row0;
    readonly int _length = tile.Length;

    /// <summary>Four rows from <paramref name="row"/> on; columns d to d + 3 and d + 32 to d + 35.</summary>
    internal readonly OutputBlock Apply(OutputBlock o, int row, int d)
    {
        for (int n = 0; n < _count; n++)
        {
            HeadEditOfRow a = Of(n, row), b = Of(n, row + 1), c = Of(n, row + 2), e = Of(n, row + 3);
            o.C0 = Apply(o.C0, a, b, c, e, d);
            o.C1 = Apply(o.C1, a, b, c, e, d + 1);
            o.C2 = Apply(o.C2, a, b, c, e, d + 2);
            o.C3 = Apply(o.C3, a, b, c, e, d + 3);
            o.C4 = Apply(o.C4, a, b, c, e, d + 32);
            o.C5 = Apply(o.C5, a, b, c, e, d + 33);
            o.C6 = Apply(o.C6, a, b, c, e, d + 34);
            o.C7 = Apply(o.C7, a, b, c, e, d + 35);
        }
        return o;
    }

    /// <summary>Row <paramref name="row"/> and the one eight below; columns d and d + 1 of eight.</summary>
    internal readonly Accumulator16x64 Apply(Accumulator16x64 s, int row, int d)
    {
        for (int n = 0; n < _count; n++)
        {
            HeadEditOfRow upper = Of(n, row), lower = Of(n, row + 8);
            s.N0 = Apply(s.N0, upper, lower, d);
            s.N1 = Apply(s.N1, upper, lower, d + 8);
            s.N2 = Apply(s.N2, upper, lower, d + 16);
            s.N3 = Apply(s.N3, upper, lower, d + 24);
            s.N4 = Apply(s.N4, upper, lower, d + 32);
            s.N5 = Apply(s.N5, upper, lower, d + 40);
            s.N6 = Apply(s.N6, upper, lower, d + 48);
            s.N7 = Apply(s.N7, upper, lower, d + 56);
        }
        return s;
    }

    readonly Float4 Apply(
        Float4 rows, HeadEditOfRow a, HeadEditOfRow b, HeadEditOfRow c, HeadEditOfRow e, int d)
        => new(Apply(rows.X, a, d), Apply(rows.Y, b, d), Apply(rows.Z, c, d), Apply(rows.W, e, d));

    readonly SumFragment Apply(SumFragment s, HeadEditOfRow upper, HeadEditOfRow lower, int d) => new()
    {
        C0 = Apply(s.C0, upper, d), C1 = Apply(s.C1, upper, d + 1),
        C2 = Apply(s.C2, lower, d), C3 = Apply(s.C3, lower, d + 1),
    };

    readonly float Apply(float x, HeadEditOfRow edit, int d)
    {
        if (edit.Scales)
            return edit.Factor == 0f ? 0f : x * edit.Factor;
        if (edit.Adds && d < _D)
            return x + edit.Factor * Interop.IntAsFloat((uint)_table[edit.Values + d]);
        return x;
    }

    // What edit n does to this head's columns of a row of the sequence.
    readonly HeadEditOfRow Of(int n, int row)
    {
        HeadEditOfRow edit = default;
        long at = (long)n * _size;
        int column = _column - _table[at];
        int listed = row < _length && column >= 0 && column < _table[at + 1]
            ? _table[at + _row0 + row] : -1;
        int values = _table[at + 3];
        edit.Factor = Interop.IntAsFloat((uint)_table[at + 2]);
        edit.Scales = listed >= 0 && values < 0;
        edit.Adds = listed >= 0 && values >= 0;
        edit.Values = values + (long)listed * _table[at + 4] + column;
        return edit;
    }
}

/// <summary>The effect of one edit on one head of one row.</summary>
struct HeadEditOfRow
{
    public bool Scales, Adds;
    public float Factor;
    public long Values; // of the head's first column
}
