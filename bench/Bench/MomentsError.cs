using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// What moments in fewer bytes do to a training run: a lens-like problem, learned with each storage from the
/// same weights over the same batches, step by step in turns, so that times are of the same moment.
/// </summary>
/// <remarks>
/// A student W learns the logits x T^T of a fixed teacher T by KL(softmax(x T^T) || softmax(x W^T)), with
/// AdamW and a learning rate that falls to 0. Columns of x have deviations from 1 to 30 (over the root of
/// their mean square), so that moments within a block differ too.
/// </remarks>
sealed class MomentsError
{
    const int Rows = 64, K = 192, V = 2540, Steps = 300, Early = 100;
    const float LearningRate = 0.01f, Spread = 30;

    readonly Ops _ops;
    readonly SeededRandom _random = new(1);
    readonly Tensor _x, _teacher, _target, _logits, _gradient, _losses;
    readonly Student[] _students;

    MomentsError(TensorArena arena)
    {
        _ops = new Ops(arena.Device);
        _teacher = arena.Upload("teacher", Drawn(V * K, 2 / MathF.Sqrt(K)), V, K);
        _gradient = arena.Cut("gradient", V, K);
        (_x, _losses) = (arena.Cut("x", Rows, K), arena.Cut("losses", Rows));
        (_target, _logits) = (arena.Cut("target", Rows, V), arena.Cut("logits", Rows, V));
        float[] start = Drawn(V * K, 0.02f);
        _students = [.. Enum.GetValues<MomentStorage>().Select(s => new Student(_ops, arena, s, start))];
    }

    internal static int Run(string deviceName)
    {
        using ComputeDevice device = ComputeDevice.Open(deviceName);
        Console.WriteLine(
            $"{device.Name}: {Rows} rows, K {K}, V {V}, {Steps} steps; ms of the op: fastest tenth");
        Console.WriteLine($"{"beta2",5} {"moments",-9} {"bytes",6} {"loss at 1",9} {"at 100",9} {"at 300",9} "
            + $"{"apart",8} {"ms",7} {"ratio",6}");
        foreach (float beta2 in (float[])[0.999f, 0.95f])
        {
            using var arena = new TensorArena(device, 10L * V * K + 2L * Rows * (V + K) + 65536, "moments");
            var run = new MomentsError(arena);
            for (int t = 1; t <= Steps; t++)
                run.Step(new AdamWStep(LearningRate * (1 - (t - 1f) / Steps), 0.9f, beta2, 1e-8f, 0, t));
            Student exact = run._students[0];
            foreach (Student s in run._students)
                Console.WriteLine($"{beta2,5} {s.Storage,-9} {s.Storage.Bytes(V, K) / ((double)V * K),6:F2} "
                    + $"{s.Losses[0],9:F4} {s.Losses[1],9:F5} {s.Losses[2],9:F5} "
                    + $"{Apart(exact.Weight.ToArray(), s.Weight.ToArray()),8:F4} {s.FastMs,7:F3} "
                    + $"{s.FastMs / exact.FastMs,6:F2}");
        }
        return 0;
    }

    void Step(in AdamWStep step)
    {
        float[] x = Drawn(Rows * K, 1);
        double meanSquare = Enumerable.Range(0, K).Average(k => Math.Pow(Spread, 2.0 * k / K));
        for (int i = 0; i < x.Length; i++)
            x[i] *= (float)(Math.Pow(Spread, (double)(i % K) / K) / Math.Sqrt(meanSquare));
        _x.Upload(x);
        _ops.MatMulTransposed(_x, _teacher, _target);
        foreach (Student student in _students)
        {
            _ops.MatMulTransposed(_x, student.Weight, _logits);
            _ops.KlDivergence(_target, _logits, _losses, _logits, 1f / Rows);
            if (step.Step is 1 or Early or Steps)
                student.Losses.Add(_losses.ToArray().Average());
            _ops.Fill(_gradient, 0f);
            _ops.MatMulWeightGradient(_logits, _x, _gradient);
            student.Step(_gradient, step);
        }
    }

    float[] Drawn(int count, float deviation)
    {
        float[] values = new float[count];
        _random.FillNormal(values, deviation);
        return values;
    }

    // |other - exact| / |exact|
    static double Apart(float[] exact, float[] other)
    {
        (double apart, double size) = (0, 0);
        for (int i = 0; i < exact.Length; i++)
        {
            double d = other[i] - exact[i];
            (apart, size) = (apart + d * d, size + (double)exact[i] * exact[i]);
        }
        return Math.Sqrt(apart / size);
    }

    /// <summary>Weights and what moves them.</summary>
    sealed class Student
    {
        readonly Ops _ops;
        readonly Action<Tensor, AdamWStep> _update;
        readonly List<double> _times = [];

        public Student(Ops ops, TensorArena arena, MomentStorage storage, float[] start)
        {
            (_ops, Storage) = (ops, storage);
            Weight = arena.Upload("weight", start, V, K);
            _update = storage switch
            {
                MomentStorage.EightBit => EightBit(arena),
                MomentStorage.Factored => Factored(arena),
                _ => Float32(arena),
            };
        }

        public MomentStorage Storage { get; }

        public Tensor Weight { get; }

        /// <summary>At the first step, an early one and the last.</summary>
        public List<double> Losses { get; } = [];

        /// <summary>Of the op; a tenth of the steps took less.</summary>
        public double FastMs => _times.Order().ElementAt(_times.Count / 10);

        public void Step(Tensor gradient, in AdamWStep step)
        {
            _ops.Device.Synchronize();
            long begun = Stopwatch.GetTimestamp();
            _update(gradient, step);
            _ops.Device.Synchronize();
            _times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }

        Action<Tensor, AdamWStep> Float32(TensorArena arena)
        {
            Tensor m = arena.Cut("m", V, K), v = arena.Cut("v", V, K);
            return (gradient, step) => _ops.AdamW(gradient, Weight, m, v, step);
        }

        Action<Tensor, AdamWStep> EightBit(TensorArena arena)
        {
            const int n = V * K, blocks = (n + Ops.MomentBlockLength - 1) / Ops.MomentBlockLength;
            IndexTensor m = arena.CutIndices("m", (n + 3) / 4), v = arena.CutIndices("v", (n + 3) / 4);
            Tensor units = arena.Cut("units", 2 * blocks);
            return (gradient, step) => _ops.AdamW8Bit(gradient, Weight, m, v, units, step);
        }

        Action<Tensor, AdamWStep> Factored(TensorArena arena)
        {
            Tensor m = arena.Cut("m", V, K), rows = arena.Cut("rows", V), columns = arena.Cut("columns", K);
            return (gradient, step) => _ops.AdamWFactored(gradient, Weight, m, rows, columns, step);
        }
    }
}
