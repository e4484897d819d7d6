using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Adam's moments of a matrix [V, K] that is stepped a block of rows at a time.</summary>
abstract class VocabularyMoments
{
    /// <summary>Everything that a checkpoint keeps.</summary>
    internal abstract IEnumerable<(string Name, Tensor Tensor)> State { get; }

    /// <summary>The same, of whole numbers.</summary>
    internal virtual IEnumerable<(string Name, IndexTensor Tensor)> IndexState => [];

    /// <summary>Moments of zero.</summary>
    /// <param name="arena">Where they are cut.</param>
    /// <param name="ops">Steps.</param>
    /// <param name="storage">How they are kept.</param>
    /// <param name="weight">[V, K]</param>
    /// <param name="blockTokens">Rows that are stepped together.</param>
    internal static VocabularyMoments Cut(
        TensorArena arena, Ops ops, MomentStorage storage, Tensor weight, int blockTokens) => storage switch
    {
        MomentStorage.Float32 => new Float32Moments(arena, ops, weight),
        MomentStorage.EightBit => new EightBitMoments(arena, ops, weight, blockTokens),
        MomentStorage.Factored => new FactoredMoments(arena, ops, weight, blockTokens),
        _ => throw new ArgumentOutOfRangeException(nameof(storage), storage, "no such storage"),
    };

    /// <summary>Steps a block of rows.</summary>
    /// <param name="weight">[rows, K]: the block.</param>
    /// <param name="gradient">[rows, K]</param>
    /// <param name="first">Its first row; the same blocks come in every step.</param>
    /// <param name="step">Options.</param>
    internal abstract void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step);
}

/// <summary>Both moments as float32: 8 bytes a parameter.</summary>
sealed class Float32Moments(TensorArena arena, Ops ops, Tensor weight) : VocabularyMoments
{
    readonly Tensor _m = arena.Cut("m", weight.Rows, weight.Columns);
    readonly Tensor _v = arena.Cut("v", weight.Rows, weight.Columns);

    internal override IEnumerable<(string Name, Tensor Tensor)> State => [("weight.m", _m), ("weight.v", _v)];

    internal override void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step)
    {
        int rows = weight.Rows;
        ops.AdamW(gradient, weight, _m.SliceRows(first, rows), _v.SliceRows(first, rows), step);
    }
}

/// <summary>
/// Both moments in 8 bits, 2.03 bytes a parameter; each block of rows begins its own codes, so a block is
/// one call of the op.
/// </summary>
sealed class EightBitMoments : VocabularyMoments
{
    readonly Ops ops;
    readonly IndexTensor _m, _v;
    readonly Tensor _units;
    readonly Dictionary<int, (long Codes, long Units)> _places = [];

    internal EightBitMoments(TensorArena arena, Ops ops, Tensor weight, int blockTokens)
    {
        this.ops = ops;
        long codes = 0, units = 0;
        foreach ((int first, int rows) in VocabularyUpdate.Blocks(weight.Rows, blockTokens))
        {
            _places[first] = (codes, units);
            long n = (long)rows * weight.Columns;
            codes += (n + 3) / 4;
            units += Units(n);
        }
        _m = arena.CutIndices("codes of m", checked((int)codes));
        _v = arena.CutIndices("codes of v", checked((int)codes));
        _units = arena.Cut("units of m and v", checked((int)units));
    }

    internal override IEnumerable<(string Name, Tensor Tensor)> State => [("weight.units", _units)];

    internal override IEnumerable<(string Name, IndexTensor Tensor)> IndexState
        => [("weight.m", _m), ("weight.v", _v)];

    internal override void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step)
    {
        (long codes, long units) = _places[first];
        int ints = checked((int)((weight.Length + 3) / 4));
        ops.AdamW8Bit(gradient, weight, _m.Slice("m", codes, ints), _v.Slice("v", codes, ints),
            _units.Slice("units", units, checked((int)Units(weight.Length))), step);
    }

    static long Units(long n) => 2 * ((n + Ops.MomentBlockLength - 1) / Ops.MomentBlockLength);
}

/// <summary>
/// The first moment in float32, the second as a number for each row and, in each block of rows, one for each
/// column: 4 bytes a parameter and a little.
/// </summary>
sealed class FactoredMoments : VocabularyMoments
{
    readonly Ops ops;
    readonly Tensor _m, _rows, _columns;
    readonly Dictionary<int, int> _blocks = [];

    internal FactoredMoments(TensorArena arena, Ops ops, Tensor weight, int blockTokens)
    {
        this.ops = ops;
        foreach ((int first, _) in VocabularyUpdate.Blocks(weight.Rows, blockTokens))
            _blocks[first] = _blocks.Count;
        _m = arena.Cut("m", weight.Rows, weight.Columns);
        _rows = arena.Cut("second moment of rows", weight.Rows);
        _columns = arena.Cut("second moment of columns", _blocks.Count, weight.Columns);
    }

    internal override IEnumerable<(string Name, Tensor Tensor)> State
        => [("weight.m", _m), ("weight.v_rows", _rows), ("weight.v_columns", _columns)];

    internal override void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step)
    {
        int rows = weight.Rows, K = weight.Columns;
        ops.AdamWFactored(gradient, weight, _m.SliceRows(first, rows), _rows.Slice("rows", first, rows),
            _columns.Slice("columns", (long)_blocks[first] * K, K), step);
    }
}
