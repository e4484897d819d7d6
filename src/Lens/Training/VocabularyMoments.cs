using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Adam's moments of a matrix [V, K] that is updated block by block of rows.</summary>
abstract class VocabularyMoments
{
    /// <summary>The tensors of a checkpoint.</summary>
    internal abstract IEnumerable<(string Name, Tensor Tensor)> State { get; }

    /// <summary>The integer tensors of a checkpoint.</summary>
    internal virtual IEnumerable<(string Name, IndexTensor Tensor)> IndexState => [];

    /// <summary>Creates moments of zero.</summary>
    /// <param name="arena">Arena for the moments.</param>
    /// <param name="ops">Ops of the device.</param>
    /// <param name="storage">Storage of the moments.</param>
    /// <param name="weight">[V, K]: the matrix.</param>
    /// <param name="blockTokens">Number of rows of a block.</param>
    internal static VocabularyMoments Cut(
        TensorArena arena, Ops ops, MomentStorage storage, Tensor weight, int blockTokens) => storage switch
    {
        MomentStorage.Float32 => new Float32Moments(arena, ops, weight),
        MomentStorage.EightBit => new EightBitMoments(arena, ops, weight, blockTokens),
        MomentStorage.Factored => new FactoredMoments(arena, ops, weight, blockTokens),
        _ => throw new ArgumentOutOfRangeException(nameof(storage), storage, "no such storage"),
    };

    /// <summary>Makes an AdamW step for a block of rows.</summary>
    /// <param name="weight">[rows, K]: the block of the matrix.</param>
    /// <param name="gradient">[rows, K]: gradient of the block.</param>
    /// <param name="first">First row of the block; every step must use the same blocks.</param>
    /// <param name="step">Learning rate, decay and other options of the step.</param>
    internal abstract void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step);
}

/// <summary>Stores both moments in float32: 8 bytes per parameter.</summary>
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
/// Stores both moments in 8 bits: 2.03 bytes per parameter. Each block of rows has its own range of codes, so
/// one call of the op updates a block.
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
/// Stores the first moment in float32, and the second as one number per row and, in each block of rows, one
/// number per column: slightly more than 4 bytes per parameter.
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
