using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Edits of z as attention stores it, held against the same edits afterwards.</summary>
public class AttentionEditedTests
{
    // One chunk of columns with both precisions, two chunks with one.
    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.TensorCores
        from run in ((Precision, int, int)[])
            [(Precision.Tf32, 2, 12), (Precision.Bf16, 1, 12), (Precision.Bf16, 1, 70)]
        select new TestCaseData(device, run.Item1, run.Item2, run.Item3);

    [TestCaseSource(nameof(Cases))]
    public void On_tensor_cores_z_is_edited_to_the_bits_of_separate_edits(
        string name, Precision precision, int H, int D)
    {
        ComputeDevice device = TensorCoreDevice.Open(name, precision);
        try
        {
            RequireSameBits(device, new(1, 11, H, D, [10], 0.29));
        }
        finally
        {
            device.Precision = Precision.Fp32; // the device is shared
        }
    }

    static void RequireSameBits(ComputeDevice device, AttentionReference shape)
    {
        (int B, int T, int H, int D, int C) = (shape.B, shape.T, shape.H, shape.D, shape.C);
        int rows = B * T;
        float[] qkv = Normal(41, rows * 3 * C);
        qkv[2 * C] = float.NaN; // of the first token's first value: zeros are written over it
        ZEdit[] edits = Edits(shape);
        using var arena = new TensorArena(device, 3L * rows * C * (2 + edits.Length) + 16 * rows * H + 4096);
        var ops = new Ops(device);
        Tensor on = arena.Upload("qkv", qkv, rows, 3 * C), lse = arena.Cut("logSumExp", B, H, T);
        Tensor edited = arena.Upload("edited", AttentionRun.Garbage(rows * C), rows, C);
        Tensor z = arena.Upload("z", AttentionRun.Garbage(rows * C), rows, C);
        IndexTensor lengths = arena.UploadIndices("lengths", shape.Lengths);
        var stored = FusedZEdits.Upload(arena, rows, edits);
        ops.AttentionEdited(on, lengths, edited, lse, stored, B, T, H, (float)shape.Scale);
        float[] editedLse = lse.ToArray();

        ops.Attention(on, lengths, z, lse, B, T, H, (float)shape.Scale);
        float[] plain = z.ToArray();
        foreach (ZEdit e in edits)
        {
            IndexTensor ids = arena.UploadIndices("rows", e.RowIds);
            if (e.Values is null)
                ops.EditScale(ids, z, e.Column, e.Width, e.Factor);
            else
                ops.EditAdd(ids, arena.Upload("values", e.Values, e.Values.Length / e.Width, e.Width), z,
                    e.Column, e.Factor);
        }
        Assert.That(edited.ToArray(), Is.EqualTo(z.ToArray()));
        Assert.That(editedLse, Is.EqualTo(lse.ToArray()));
        Assert.That(plain, Is.Not.EqualTo(z.ToArray()));
    }

    // Zeros, a factor and two kinds of values; one head, all heads; all rows, some, the last; several of a
    // head, whose order matters.
    static ZEdit[] Edits(AttentionReference shape)
    {
        (int D, int C, int last) = (shape.D, shape.C, shape.H - 1);
        int[] all = [.. Enumerable.Range(0, shape.B).SelectMany(
            b => Enumerable.Range(b * shape.T, shape.Lengths[b]))];
        int[] some = [.. all.Where((_, i) => i % 3 != 1).Reverse()];
        return
        [
            new(all, last * D, D, -0.6f, null),
            new(some, last * D, D, 1.7f, Normal(51, D)),
            new([all[^1]], last * D, D, 0.3f, null),
            new([all[0]], 0, D, 0f, null),
            new(some, 0, C, -0.3f, Normal(52, some.Length * C)),
            new(some, 0, C, 1.1f, null),
        ];
    }
}
