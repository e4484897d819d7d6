namespace HeadTap.PtxMachine.Tests;

/// <summary>Shuffles, matrix loads and matrix products, element by element by the tables of the
/// manual.</summary>
public sealed class WarpFormTests
{
    static readonly uint[] _lanes = [.. Enumerable.Range(0, 32).Select(i => (uint)i * 3 + 5)];

    [TestCase("bfly", 1, 31)]
    [TestCase("bfly", 16, 31)]
    [TestCase("bfly", 4, 0x181f)] // segments of 8
    [TestCase("down", 1, 31)]
    [TestCase("down", 3, 0x181f)]
    [TestCase("up", 1, 0)]
    [TestCase("up", 2, 0x1800)]
    [TestCase("idx", 5, 31)]
    [TestCase("idx", 9, 0x181f)]
    [TestCase("idx", 3, 0x1800)]
    public void A_shuffle_reads_the_lane_that_the_manual_names(string mode, int b, int c)
    {
        string body = $"""
            ld.global.b32 %w1, [%rb];
            shfl.sync.{mode}.b32 %w2|%p1, %w1, {b}, {c}, 4294967295;
            selp.b32 %w3, 1000, 0, %p1; add.s32 %w0, %w2, %w3;
            """;
        uint[] got = TestKernel.Words(body, _lanes);
        int segments = c >> 8 & 31, clamp = c & 31;
        for (int lane = 0; lane < 32; lane++)
        {
            int most = (lane & segments) | (clamp & ~segments), least = lane & segments;
            (int j, bool within) = mode switch
            {
                "up" => (lane - b, lane - b >= most),
                "down" => (lane + b, lane + b <= most),
                "bfly" => (lane ^ b, (lane ^ b) <= most),
                _ => (least | (b & ~segments), (least | (b & ~segments)) <= most),
            };
            uint expected = within ? _lanes[j] + 1000 : _lanes[lane];
            Assert.That(got[lane], Is.EqualTo(expected), $"lane {lane}");
        }
    }

    [Test]
    public void A_shuffle_may_name_a_part_of_the_warp()
    {
        uint[] got = TestKernel.Words("""
              mov.b32 %w0, %t;
              setp.lt.s32 %p1, %t, 8;
              @!%p1 bra OUT;
              shfl.sync.bfly.b32 %w0, %t, 1, 31, 255;
            OUT:
              mov.b32 %w0, %w0;
            """);
        Assert.That(got, Is.EqualTo(Enumerable.Range(0, 32).Select(t => t < 8 ? t ^ 1 : t)));
    }

    // Rows of 16 bytes lie in shared memory in the order of a permutation, so that rows are told apart.
    [TestCase(1, false)]
    [TestCase(2, false)]
    [TestCase(4, false)]
    [TestCase(1, true)]
    [TestCase(2, true)]
    [TestCase(4, true)]
    public void Ldmatrix_gives_each_lane_its_elements(int count, bool transposed)
    {
        ushort[] halves = [.. Enumerable.Range(0, 32 * 8).Select(i => (ushort)(i * 37 + 11))];
        using TestKernel kernel = new();
        nint input = kernel.Upload(halves), result = kernel.Upload(new uint[32 * 4]);
        string elements = string.Join(", ", Enumerable.Range(4, count).Select(i => $"%w{i}"));
        string trans = transposed ? ".trans" : "";
        string body = $$"""
              shl.b32 %w1, %t, 4; mul.wide.u32 %l1, %w1, 1; add.s64 %l2, %b, %l1;
              ld.global.v4.b32 {%w4, %w5, %w6, %w7}, [%l2];
              mov.b32 %w2, TILE; add.s32 %w3, %w2, %w1;
              st.shared.v4.b32 [%w3], {%w4, %w5, %w6, %w7};
              bar.sync 0;
              mul.lo.s32 %w8, %t, 5; and.b32 %w8, %w8, 31; shl.b32 %w8, %w8, 4; add.s32 %w8, %w8, %w2;
              ldmatrix.sync.aligned.m8n8.x{{count}}{{trans}}.shared.b16 {{{elements}}}, [%w8];
              add.s64 %l3, %a, %l1;
              st.global.v4.b32 [%l3], {%w4, %w5, %w6, %w7};
            """;
        kernel.Launch(TestKernel.Text(body, 2, ".shared .align 16 .b8 TILE[512];"),
            new(1), new(32), result, input);
        uint[] got = TestKernel.Download<uint>(result, 128);
        for (int matrix = 0; matrix < count; matrix++)
            for (int lane = 0; lane < 32; lane++)
            {
                uint expected = 0;
                for (int i = 0; i < 2; i++)
                {
                    (int row, int column) = (lane / 4, 2 * (lane % 4) + i);
                    if (transposed)
                        (row, column) = (column, row);
                    int from = (8 * matrix + row) * 5 % 32;
                    expected |= (uint)halves[8 * from + column] << 16 * i;
                }
                Assert.That(got[4 * lane + matrix], Is.EqualTo(expected), $"matrix {matrix}, lane {lane}");
            }
    }

    [TestCase("m16n8k4", "tf32", 4)]
    [TestCase("m16n8k8", "tf32", 8)]
    [TestCase("m16n8k8", "bf16", 8)]
    [TestCase("m16n8k16", "bf16", 16)]
    [TestCase("m16n8k8", "f16", 8)]
    [TestCase("m16n8k16", "f16", 16)]
    public void A_product_is_that_of_the_fragments(string shape, string number, int k)
    {
        Random random = new(k);
        float[,] a = Matrix(16, k), b = Matrix(k, 8), c = Matrix(16, 8);
        bool pairs = number != "tf32";
        int aCount = 16 * k / 32 / (pairs ? 2 : 1), bCount = aCount / 2;
        uint[] aBits = Fragments(aCount, (i, e, lane) => a[
            lane / 4 + (i % 2) * 8, pairs ? 2 * (lane % 4) + e + i / 2 * 8 : lane % 4 + i / 2 * 4]);
        uint[] bBits = Fragments(bCount, (i, e, lane) => b[
            pairs ? 2 * (lane % 4) + e + i * 8 : lane % 4 + i * 4, lane / 4]);
        uint[] cBits = new uint[128];
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++)
                cBits[4 * lane + i] = BitConverter.SingleToUInt32Bits(
                    c[lane / 4 + i / 2 * 8, 2 * (lane % 4) + i % 2]);
        using TestKernel kernel = new();
        nint[] at =
            [kernel.Upload(new uint[128]), kernel.Upload(aBits), kernel.Upload(bBits), kernel.Upload(cBits)];
        string body = $$"""
            mul.wide.u32 %l1, %t, 16; add.s64 %l2, %b, %l1; add.s64 %l3, %c, %l1; add.s64 %l4, %d, %l1;
            add.s64 %l5, %a, %l1;
            ld.global.v4.b32 {%w0, %w1, %w2, %w3}, [%l2];
            ld.global.v4.b32 {%w4, %w5, %w6, %w7}, [%l3];
            ld.global.v4.b32 {%w8, %w9, %w10, %w11}, [%l4];
            mma.sync.aligned.{{shape}}.row.col.f32.{{number}}.{{number}}.f32 {%w8, %w9, %w10, %w11},
              {{List(0, aCount)}}, {{List(4, bCount)}}, {%w8, %w9, %w10, %w11};
            st.global.v4.b32 [%l5], {%w8, %w9, %w10, %w11};
            """;
        kernel.Launch(TestKernel.Text(body, 4), new(1), new(32), at);
        float[] got = TestKernel.Download<float>(at[0], 128);
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++)
            {
                int row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
                float sum = c[row, column];
                for (int j = 0; j < k; j++)
                    sum = (float)((double)a[row, j] * b[j, column] + sum);
                Assert.That(got[4 * lane + i], Is.EqualTo(sum), $"row {row}, column {column}");
            }

        // Small integers and halves: exact in every number.
        float[,] Matrix(int rows, int columns)
        {
            float[,] m = new float[rows, columns];
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                    m[i, j] = random.Next(-64, 65) / 2f;
            return m;
        }

        uint[] Fragments(int registers, Func<int, int, int, float> value)
        {
            uint[] bits = new uint[128];
            for (int lane = 0; lane < 32; lane++)
                for (int i = 0; i < registers; i++)
                    for (int e = 0; e < (pairs ? 2 : 1); e++)
                        bits[4 * lane + i] |= number switch
                        {
                            // The low 13 bits of TF32 must not count.
                            "tf32" => BitConverter.SingleToUInt32Bits(value(i, e, lane)) | 0x1abc,
                            "bf16" => BitConverter.SingleToUInt32Bits(value(i, e, lane)) >> 16 << 16 * e,
                            _ => (uint)BitConverter.HalfToUInt16Bits((Half)value(i, e, lane)) << 16 * e,
                        };
            return bits;
        }

        static string List(int first, int count) =>
            "{" + string.Join(", ", Enumerable.Range(first, count).Select(i => $"%w{i}")) + "}";
    }

    [Test]
    public void A_copy_arrives_at_its_wait_and_fills_with_zeros()
    {
        using TestKernel kernel = new();
        uint[] values = [.. Enumerable.Range(0, 128).Select(i => (uint)i + 1)];
        nint result = kernel.Upload(new uint[128]), input = kernel.Upload(values);
        kernel.Launch(TestKernel.Text("""
              shl.b32 %w1, %t, 4; mul.wide.u32 %l1, %w1, 1; add.s64 %l2, %b, %l1; add.s64 %l3, %a, %l1;
              mov.b32 %w2, TILE; add.s32 %w2, %w2, %w1;
              and.b32 %w3, %t, 3; shl.b32 %w3, %w3, 2;
              cp.async.cg.shared.global [%w2], [%l2], 16, %w3;
              cp.async.commit_group;
              cp.async.wait_group 0;
              bar.sync 0;
              ld.shared.v4.b32 {%w4, %w5, %w6, %w7}, [%w2];
              st.global.v4.b32 [%l3], {%w4, %w5, %w6, %w7};
            """, 2, ".shared .align 16 .b8 TILE[512];"), new(1), new(32), result, input);
        Assert.That(TestKernel.Download<uint>(result, 128), Is.EqualTo(
            Enumerable.Range(0, 128).Select(i => i % 4 < i / 4 % 4 ? values[i] : 0)));
    }
}
