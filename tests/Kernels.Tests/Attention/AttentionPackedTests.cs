using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionPackedTests
{
    static readonly int[] Lengths = [70, 9, 1, 131];

    static IEnumerable<TestCaseData> HostsAndHeads() =>
        from device in TestDevice.Hosts
        from D in (int[])[5, 64, 80]
        from threads in (int[])[1, 2]
        select new TestCaseData(device, D, threads);

    [TestCaseSource(nameof(HostsAndHeads))]
    public void However_texts_are_cut_a_token_has_its_bits_of_a_whole_row(string device, int D, int threads)
    {
        int before = HostThreads.Count;
        try
        {
            HostThreads.Count = threads;
            using var run = new Run(device, Lengths, 2, D, capacity: 137);
            float[] whole = run.Whole();
            foreach (int seed in (int[])[1, 2, 3])
            {
                foreach (List<(int Text, int Position)> step in Steps(seed, most: seed == 3 ? 200 : 25))
                    run.Require(step, whole, run.Step(step), $"seed {seed}");
                run.Empty();
            }
        }
        finally
        {
            HostThreads.Count = before;
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void Every_cut_of_a_text_in_two_gives_the_bits_of_the_whole(string device)
    {
        const int length = 75;
        using var run = new Run(device, [length], 1, 5, capacity: 80);
        float[] whole = run.Whole();
        for (int cut = 0; cut <= length; cut++)
        {
            run.Empty();
            foreach (var part in ((int From, int To)[])[(0, cut), (cut, length)])
            {
                var tokens = Enumerable.Range(part.From, part.To - part.From).Select(t => (0, t)).ToList();
                run.Require(tokens, whole, run.Step(tokens), $"cut at {cut}");
            }
        }
    }

    [TestCaseSource(nameof(HostsAndHeads))]
    public void Each_alone_has_the_bits_of_attention_over_a_cache(string device, int D, int threads)
    {
        int before = HostThreads.Count;
        try
        {
            HostThreads.Count = threads;
            using var run = new Run(device, Lengths, 3, D, capacity: 137);
            run.Step([.. Lengths.SelectMany((n, text) => Enumerable.Range(0, n).Select(t => (text, t)))]);
            List<(int, int)> last = [(3, 130), (2, 0), (-1, 0), (0, 69), (1, 8), (0, 12), (3, 128)];
            float[] cached = [.. last.SelectMany(token => run.Cached(token))];
            Assert.That(run.Attend(last, one: true), Is.EqualTo(cached));
            Assert.That(cached.AsSpan(2 * 3 * D, 3 * D).ToArray(), Has.All.Zero);
        }
        finally
        {
            HostThreads.Count = before;
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_tokens_bits_depend_on_no_neighbour_and_not_on_the_room(string device)
    {
        int[] lengths = [9, 131, 4];
        using var run = new Run(device, lengths, 2, 12, capacity: 140);
        using var roomy = new Run(device, lengths, 2, 12, capacity: 301);
        foreach (Run each in (Run[])[run, roomy])
            each.Write([.. lengths.SelectMany((n, text) => Enumerable.Range(0, n).Select(t => (text, t)))]);
        List<(int, int)> tokens =
            [(1, 127), (1, 128), (1, 126), (1, 130), (0, 0), (-1, 0), (2, 3), (0, 7), (0, 8), (0, 3)];
        foreach (bool one in (bool[])[false, true])
        {
            float[] together = run.Attend(tokens, one);
            float[] alone = [.. tokens.SelectMany(token => run.Attend([token], one))];
            Assert.That(together, Is.EqualTo(alone));
            Assert.That(roomy.Attend(tokens, one), Is.EqualTo(alone));
            Assert.That(alone, Has.All.Matches<float>(float.IsFinite));
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void What_a_row_held_before_does_not_reach_the_text_that_takes_it(string device)
    {
        using var run = new Run(device, [9, 4], 2, 5, capacity: 11);
        List<(int, int)> text = [(1, 0), (1, 1), (1, 2), (1, 3)];
        float[] fresh = run.Step(text);
        run.Rename(text: 0, row: 1); // the longer text takes the row, then the shorter one comes back
        run.Step([.. Enumerable.Range(0, 9).Select(t => (0, t))]);
        Assert.That(run.Step(text), Is.EqualTo(fresh));
        Assert.That(run.Attend([(1, 3)], one: true), Has.All.Matches<float>(float.IsFinite));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Not_a_number_stays_one_and_reaches_no_other_row(string device)
    {
        using var run = new Run(device, [9, 4], 1, 5, capacity: 11);
        run.Write([.. Enumerable.Range(0, 9).Select(t => (0, t)), (1, 0), (1, 1)]);
        run.Poison(text: 0, position: 6);
        foreach (bool one in (bool[])[false, true])
        {
            float[] z = run.Attend([(0, 6), (0, 7), (1, 1), (0, 2)], one);
            Assert.That(z[..10], Has.All.NaN);
            Assert.That(z[10..], Has.None.NaN);
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Where_no_token_is_zeros_are_written_and_nothing_is_stored(string device)
    {
        using var run = new Run(device, [9, 4], 2, 5, capacity: 11);
        float[] z = run.Step([(0, 0), (-1, 0), (-1, 0), (1, 0)]);
        Assert.That(z[10..30], Has.All.Zero);
        Assert.That(z[..10], Has.None.Zero);
        Assert.That(run.Stored(), Is.EqualTo(2 * 10));
        Assert.That(run.Attend([(-1, 0)], one: true), Has.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Ilgpu))]
    public void A_device_takes_a_token_outside_the_caches_as_none(string device)
    {
        using var run = new Run(device, [3], 1, 5, capacity: 4);
        foreach ((int row, int position) in ((int, int)[])[(0, 4), (2, 0), (-1, 0), (0, -1)])
            Assert.That(run.At(row, position), Has.All.Zero, $"{row}, {position}");
        Assert.That(run.Stored(), Is.Zero);
    }

    [TestCase(0, 4, "token 0 stands at position 4 of row 0, outside kCache [2, 1, 4, 5].")]
    [TestCase(2, 0, "token 0 stands at position 0 of row 2, outside kCache [2, 1, 4, 5].")]
    [TestCase(-1, 3, "token 0 stands at position 3 of row -1, outside kCache [2, 1, 4, 5].")]
    public void The_host_refuses_a_token_outside_the_caches(int row, int position, string message)
    {
        using var run = new Run("cpu512", [3], 1, 5, capacity: 4);
        Assert.That(() => run.At(row, position),
            Throws.ArgumentException.With.Message.EqualTo("CacheWrite: " + message));
        Assert.That(run.Stored(), Is.Zero);
    }

    [Test]
    public void Shapes_that_do_not_fit_are_named()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 4, 3 * 6), z = arena.Cut("z", 3, 6), k = arena.Cut("k", 2, 2, 5, 3);
        IndexTensor four = arena.CutIndices("rows", 4), three = arena.CutIndices("positions", 3);
        Assert.That(() => ops.CacheWrite(qkv, three, four, k, k, 4, 2, 2),
            Throws.ArgumentException.With.Message.EqualTo("CacheWrite: positions [3] must have 4 entries."));
        Assert.That(() => ops.AttentionPacked(qkv, four, three, k, k, z, 4, 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo(
                "AttentionPacked: positions [3] must have 4 entries."));
        Assert.That(() => ops.AttentionPackedOne(qkv, four, four, k, k, z, 4, 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo("AttentionPackedOne: z [3, 6] must have [4, 6]."));
        Assert.That(() => ops.AttentionPacked(qkv, four, four, k, z, qkv, 4, 2, 2, 1f),
            Throws.ArgumentException.With.Message.StartsWith("AttentionPacked: "));
    }

    [Test]
    public void The_oracle_is_causal_attention_of_whole_rows()
    {
        const int B = 2, T = 6, H = 2, D = 3;
        var whole = new AttentionReference(B, T, H, D, [T, 4], 0.7);
        double[] qkv = Wide(Normal(5, B * T * 3 * H * D));
        var packed = new AttentionPackedReference(B, H, D, 7, [(0, 0, T), (1, 0, 4), (1, -1, 2)], 0.7);
        double[] keys = new double[B * 7 * H * D], values = new double[B * 7 * H * D];
        packed.Write(qkv, keys, values);
        Assert.That(packed.Forward(qkv, keys, values), Is.EqualTo(whole.Forward(qkv).Z).Within(1e-14));
    }

    // All tokens of the texts in order, some of some texts in each step, with places without a token between.
    static IEnumerable<List<(int Text, int Position)>> Steps(int seed, int most)
    {
        var random = new SeededRandom((ulong)seed);
        int[] done = new int[Lengths.Length];
        while (Enumerable.Range(0, done.Length).Any(text => done[text] < Lengths[text]))
        {
            List<(int, int)> step = [];
            foreach (int text in Enumerable.Range(0, done.Length).OrderBy(_ => random.Next(1000)).ToArray())
            {
                int count = Math.Min(random.Next(most + 1), Lengths[text] - done[text]);
                step.AddRange(Enumerable.Range(done[text], count).Select(t => (text, t)));
                done[text] += count;
                if (random.Next(3) == 0)
                    step.Add((-1, 0));
            }
            yield return step;
        }
    }

    /// <summary>Texts whose tokens go to cache rows in another order; one row more than there are
    /// texts.</summary>
    sealed class Run : IDisposable
    {
        const float Scale = 0.3f;

        readonly ComputeDevice _device;
        readonly Ops _ops;
        readonly TensorArena _arena;
        readonly Tensor _k, _v;
        readonly AttentionReference _shape;
        readonly int[] _rows;
        readonly int _capacity;
        readonly float[] _qkv;

        public Run(string device, int[] lengths, int H, int D, int capacity)
        {
            _device = TestDevice.Open(device);
            _ops = new Ops(_device);
            _capacity = capacity;
            _shape = new(lengths.Length, lengths.Max(), H, D, lengths, Scale);
            _rows = [.. Enumerable.Range(0, lengths.Length).Select(text => lengths.Length - text)];
            _qkv = Normal(51, lengths.Length * _shape.T * 3 * _shape.C);
            if (lengths.Length == 1)
                _rows[0] = 0;
            int cache = S * capacity * _shape.C;
            _arena = new TensorArena(_device, 2L * cache + 256);
            _k = _arena.Cut("kCache", S, H, capacity, D);
            _v = _arena.Cut("vCache", S, H, capacity, D);
            Empty();
        }

        int S => _shape.B + 1;

        /// <summary>NaN in every place of the caches.</summary>
        public void Empty()
        {
            foreach (Tensor cache in (Tensor[])[_k, _v])
                cache.Upload(AttentionRun.Garbage((int)cache.Length));
        }

        /// <summary>Gives a text another cache row.</summary>
        public void Rename(int text, int row) => _rows[text] = row;

        /// <summary>Floats of the key cache that are no longer NaN.</summary>
        public int Stored() => _k.ToArray().Count(v => !float.IsNaN(v));

        /// <summary>z of whole rows, [texts * T, C].</summary>
        public float[] Whole()
        {
            using var run = new AttentionRun(_device, _shape, _qkv);
            return run.Forward().Z;
        }

        /// <summary>Stores keys and values of tokens, then attends.</summary>
        public float[] Step(List<(int Text, int Position)> tokens)
        {
            Write(tokens);
            return Attend(tokens, one: false);
        }

        public void Write(List<(int Text, int Position)> tokens) => With(tokens, (qkv, rows, positions, _)
            => _ops.CacheWrite(qkv, rows, positions, _k, _v, tokens.Count, S, _shape.H));

        public float[] Attend(List<(int Text, int Position)> tokens, bool one)
            => With(tokens, (qkv, rows, positions, z) =>
            {
                int N = tokens.Count;
                if (one)
                    _ops.AttentionPackedOne(qkv, rows, positions, _k, _v, z, N, S, _shape.H, Scale);
                else
                    _ops.AttentionPacked(qkv, rows, positions, _k, _v, z, N, S, _shape.H, Scale);
            });

        /// <summary>Stores one token at a place as it is given, and attends.</summary>
        public float[] At(int row, int position)
            => With([(0, 0)], (qkv, rows, positions, z) =>
            {
                rows.Upload([row]);
                positions.Upload([position]);
                _ops.CacheWrite(qkv, rows, positions, _k, _v, 1, S, _shape.H);
                _ops.AttentionPacked(qkv, rows, positions, _k, _v, z, 1, S, _shape.H, Scale);
            });

        /// <summary>z of one token by attention over a cache of all rows.</summary>
        public float[] Cached((int Text, int Position) token)
        {
            int C = _shape.C;
            if (token.Text < 0)
                return new float[C];
            using var arena = new TensorArena(_device, 4L * S * C + S + 512);
            Tensor z = arena.Cut("z", S, C), qkv = arena.Cut("qkv", S, 3 * C);
            float[] all = new float[S * 3 * C];
            int[] positions = [.. Enumerable.Repeat(-1, S)];
            positions[_rows[token.Text]] = token.Position;
            Of(token).CopyTo(all.AsSpan(_rows[token.Text] * 3 * C));
            qkv.Upload(all);
            _ops.AttentionCached(
                qkv, arena.UploadIndices("positions", positions, S), _k, _v, null, z, S, _shape.H, Scale);
            return z.ToArray().AsSpan(_rows[token.Text] * C, C).ToArray();
        }

        /// <summary>NaN for a token's keys.</summary>
        public void Poison(int text, int position)
        {
            float[] keys = _k.ToArray();
            for (int h = 0; h < _shape.H; h++)
                keys.AsSpan(((_rows[text] * _shape.H + h) * _capacity + position) * _shape.D, _shape.D)
                    .Fill(float.NaN);
            _k.Upload(keys);
        }

        /// <summary>Tokens have the bits of whole rows, the other places zeros.</summary>
        public void Require(
            List<(int Text, int Position)> tokens, float[] whole, float[] found, string what)
        {
            int C = _shape.C;
            for (int n = 0; n < tokens.Count; n++)
            {
                (int text, int position) = tokens[n];
                float[] expected = text < 0
                    ? new float[C] : whole.AsSpan((text * _shape.T + position) * C, C).ToArray();
                Assert.That(Bits(found.AsSpan(n * C, C)), Is.EqualTo(Bits(expected)),
                    $"{what}: token {n} of {tokens.Count}, {position} of text {text}");
            }
        }

        public void Dispose() => _arena.Dispose();

        static int[] Bits(ReadOnlySpan<float> values)
            => [.. values.ToArray().Select(BitConverter.SingleToInt32Bits)];

        ReadOnlySpan<float> Of((int Text, int Position) token)
            => _qkv.AsSpan(
                (Math.Max(token.Text, 0) * _shape.T + token.Position) * 3 * _shape.C, 3 * _shape.C);

        float[] With(
            List<(int Text, int Position)> tokens, Action<Tensor, IndexTensor, IndexTensor, Tensor> body)
        {
            (int N, int C) = (tokens.Count, _shape.C);
            if (N == 0)
                return [];
            using var arena = new TensorArena(_device, 4L * N * C + 2 * N + 512);
            float[] qkv = new float[N * 3 * C];
            for (int n = 0; n < N; n++)
                Of(tokens[n]).CopyTo(qkv.AsSpan(n * 3 * C));
            Tensor z = arena.Upload("z", AttentionRun.Garbage(N * C), N, C);
            int[] rows = [.. tokens.Select(t => t.Text < 0 ? 99 : _rows[t.Text])];
            int[] positions = [.. tokens.Select(t => t.Text < 0 ? -1 : t.Position)];
            body(arena.Upload("qkv", qkv, N, 3 * C), arena.UploadIndices("rows", rows, N),
                arena.UploadIndices("positions", positions, N), z);
            return z.ToArray();
        }
    }
}
