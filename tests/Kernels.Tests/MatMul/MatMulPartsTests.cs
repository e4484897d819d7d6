using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Products whose terms are cut into parts, each summed by groups of its own.</summary>
public class MatMulPartsTests
{
    static IEnumerable<TestCaseData> Kernels() =>
        from device in TestDevice.Ilgpu
        from variant in Enum.GetValues<MatMulVariant>()
        where device is "cuda" or "ptx" || variant is MatMulVariant.Small or MatMulVariant.Large
        select new TestCaseData(device, variant.ToString());

    // 53 terms in 3 parts of 32: two of them, the last of 21; in 4 of 16: the last of 5.
    [TestCaseSource(nameof(Kernels))]
    public void Parts_add_up_to_the_product(string name, string kernel)
    {
        (int rows, int K, int N) = (9, 53, 37);
        MatMulVariant variant = Enum.Parse<MatMulVariant>(kernel);
        ComputeDevice device = TensorCoreDevice.Open(name, variant);
        float[] x = Normal(1, rows * K), weight = Normal(2, K * N);
        float[] bias = Normal(3, N), residual = Normal(5, rows * N);
        using var arena = new TensorArena(device, 4L * (rows * K + K * N + rows * N) + 1024);
        var ops = new Ops(device) { ForcedMatMul = variant };
        Tensor xs = arena.Upload("x", x, rows, K), ws = arena.Upload("weight", weight, K, N);
        Tensor y = arena.Cut("y", rows, N), sum = arena.Cut("sum", rows, N);
        Tensor biases = arena.Upload("bias", bias, N), before = arena.Upload("residual", residual, rows, N);
        (x, weight) = (Rounded(variant, x), Rounded(variant, weight));
        double[] exact = MatMulReference.MatMul(Wide(x), Wide(weight), Wide(bias), rows, K, N);
        float[] plain = MatMulReference.MatMul(x, weight, bias, rows, K, N);
        foreach (int parts in (int[])[3, 4])
        {
            ops.ForcedParts = parts;
            y.Upload(Ones(rows * N));
            ops.MatMul(xs, ws, biases, y, accumulate: true);
            Agreement.AtMostTwiceFloat32($"y of {parts}", PlusOne(exact), PlusOne(plain), y.ToArray());
            ops.MatMul(xs, ws, biases, y);
            ops.Add(before, y, sum);
            float[] separate = sum.ToArray();
            ops.MatMulAdd(xs, ws, biases, before, sum);
            Assert.That(sum.ToArray(), Is.EqualTo(separate), $"residual, {parts} parts");
            ops.Activate(y, sum, Activation.GeluTanh);
            separate = sum.ToArray();
            ops.MatMulActivate(xs, ws, biases, y, Activation.GeluTanh);
            Assert.That(y.ToArray(), Is.EqualTo(separate), $"GELU, {parts} parts");
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Ilgpu))]
    public void A_gradient_over_many_rows_is_cut_and_two_runs_agree(string name)
    {
        (int rows, int K, int N) = (533, 3, 7);
        ComputeDevice device = TestDevice.Open(name);
        float[] x = Normal(1, rows * K), dY = Normal(2, rows * N), weight = new float[K * N];
        using var arena = new TensorArena(device, 2L * rows * (K + N) + 256);
        var ops = new Ops(device);
        Tensor xs = arena.Upload("x", x, rows, K), dYs = arena.Upload("dY", dY, rows, N);
        Tensor first = arena.Upload("first", Ones(K * N), K, N),
            second = arena.Upload("second", Ones(K * N), K, N);
        Assert.That(Plan(MatMulShape.WeightGradient(rows, K, N)).Parts, Is.EqualTo(2));
        ops.MatMulWeightGradient(xs, dYs, first);
        ops.MatMulWeightGradient(xs, dYs, second);
        Agreement.AtMostTwiceFloat32("dWeight",
            PlusOne(MatMulReference.Backward(Wide(x), Wide(weight), Wide(dY), rows, K, N).DWeight),
            PlusOne(MatMulReference.Backward(x, weight, dY, rows, K, N).DWeight), first.ToArray());
        Assert.That(second.ToArray(), Is.EqualTo(first.ToArray()));
    }

    [Test]
    public void Only_sums_over_rows_are_cut_and_by_their_shape_alone()
    {
        // The gradients of GPT-2's weights over 1024 rows: 768 x 768 is 36 tiles of 128, the widest 144.
        Assert.That(Parts(1024, 768, 768), Is.EqualTo(4));
        Assert.That(Parts(8192, 768, 768), Is.EqualTo(7));
        Assert.That(Parts(1024, 768, 2304), Is.EqualTo(2));
        Assert.That(Parts(1024, 768, 3072), Is.EqualTo(1));
        Assert.That(Parts(511, 768, 768), Is.EqualTo(1));
        Assert.That(Parts(65536, 64, 768), Is.EqualTo(21), "a head's");
        foreach (int rows in (int[])[1, 7, 1024])
        {
            Assert.That(Plan(MatMulShape.Plain(rows, 768, 3072, false)).Parts, Is.EqualTo(1));
            Assert.That(Plan(MatMulShape.Transposed(rows, 768, 3072, false)).Parts, Is.EqualTo(1));
        }
        foreach ((int rows, int K, int N) in ((int, int, int)[])[(1 << 20, 1, 1), (1 << 20, 64, 64),
            (1 << 16, 768, 2304), (1 << 16, 50257, 3), (600, 1, 1 << 20)])
            Assert.That((long)Parts(rows, K, N) * K * N,
                Is.LessThanOrEqualTo(Math.Max(ProductPlan.MostPartialSums, (long)K * N)));
    }

    [Test]
    public void Whole_parts_cover_the_terms()
    {
        foreach (int K in (int[])[512, 513, 527, 1000, 4097])
            for (int parts = 2; parts <= 9; parts++)
            {
                int terms = new ProductPlan(MatMulVariant.Small, parts).PartTerms(K);
                Assert.That(terms % 16, Is.Zero);
                Assert.That((long)terms * parts, Is.GreaterThanOrEqualTo(K), $"{K} in {parts}");
            }
    }

    static int Parts(int rows, int K, int N)
    {
        MatMulShape shape = MatMulShape.WeightGradient(rows, K, N);
        int parts = Plan(shape).Parts;
        foreach (int multiprocessors in (int[])[1, 46, 132])
            foreach (Precision precision in Enum.GetValues<Precision>())
                Assert.That(ProductPlan.Of(shape, precision, multiprocessors, true).Parts,
                    Is.EqualTo(parts));
        return parts;
    }

    static ProductPlan Plan(in MatMulShape shape) => ProductPlan.Of(shape, Precision.Fp32, 108, false);

    static float[] Rounded(MatMulVariant variant, float[] values) => variant switch
    {
        MatMulVariant.Tf32 or MatMulVariant.Tf32Small => Array.ConvertAll(values, ReducedPrecision.Tf32),
        MatMulVariant.Bf16 or MatMulVariant.Bf16Small => Array.ConvertAll(values, ReducedPrecision.Bf16),
        _ => values,
    };
}
