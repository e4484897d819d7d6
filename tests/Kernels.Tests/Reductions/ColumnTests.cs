using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ColumnTests
{
    // All columns; the first; the last ones; one past the block from the middle.
    static readonly (int Rows, int Stride, int Column, int Width)[] Shapes =
        [(1, 1, 0, 1), (3, 7, 0, 7), (5, 7, 6, 1), (2, 300, 20, 129)];

    [Test, Combinatorial]
    public void Columns_come_out_and_go_back_exactly(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int Stride, int Column, int Width) shape)
    {
        (int rows, int stride, int column, int width) = shape;
        float[] wide = Normal(1, rows * stride), narrow = Normal(2, rows * width);
        using var arena = new TensorArena(TestDevice.Open(device), 2L * rows * (stride + width) + 256);
        var ops = new Ops(arena.Device);
        Tensor w = arena.Upload("wide", wide, rows, stride), n = arena.Upload("narrow", narrow, rows, width);
        Tensor taken = arena.Upload("taken", Ones(rows * width), rows, width);

        ops.CopyColumns(w, taken, column);
        float[] expected = new float[rows * width];
        ForEach((r, c) => expected[r * width + c] = wide[r * stride + column + c]);
        Assert.That(taken.ToArray(), Is.EqualTo(expected), "CopyColumns");

        ops.AddColumns(n, w, column);
        ForEach((r, c) => wide[r * stride + column + c] += narrow[r * width + c]);
        Assert.That(w.ToArray(), Is.EqualTo(wide), "AddColumns");

        ops.WriteColumns(n, w, column);
        ForEach((r, c) => wide[r * stride + column + c] = narrow[r * width + c]);
        Assert.That(w.ToArray(), Is.EqualTo(wide), "WriteColumns");

        void ForEach(Action<int, int> body)
        {
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < width; c++)
                    body(r, c);
        }
    }

    [Test]
    public void Columns_outside_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor wide = arena.Cut("qkv", 2, 9), narrow = arena.Cut("q", 2, 3);
        var ops = new Ops(arena.Device);
        Assert.That(() => ops.CopyColumns(wide, narrow, 7),
            Throws.ArgumentException.With.Message.Contains(
                "CopyColumns: columns 7 to 9 (q [2, 3]) are not all in qkv [2, 9]"));
        Assert.That(() => ops.WriteColumns(narrow, wide, -1), Throws.ArgumentException);
    }
}
