using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>Masks of scores, of TinyMem's MLP matrices and of GPT-2's.</summary>
sealed class SupermaskBench : IBenchFamily
{
    public string Name => "supermask";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        foreach ((int rows, int columns) in ((int, int)[])[(128, 512), (768, 3072)])
        {
            using var arena = new TensorArena(device, 5L * rows * columns + 256);
            var ops = new Ops(device);
            Tensor scores = arena.CutNormal("scores", 1, rows, columns);
            Tensor mask = arena.Cut("mask", rows, columns);
            Tensor weight = arena.CutNormal("weight", 2, rows, columns);
            Tensor dWeight = arena.CutNormal("dWeight", 3, rows, columns);
            Tensor dScores = arena.Cut("dScores", rows, columns);
            string shape = $"{rows} x {columns}";
            double n = (double)rows * columns;
            long half = scores.Length / 2;
            double Check()
            {
                ops.Supermask(scores, mask, half);
                return mask.ToArray().AsSpan().SequenceEqual(
                    SupermaskReference.LowestMask(scores.ToArray(), half)) ? 0 : double.NaN;
            }
            yield return new("lowest mask", shape, 8 * n, 0, () => ops.Supermask(scores, mask, half), Check);
            yield return new("supermask gradient", shape, 16 * n, 2 * n,
                () => ops.SupermaskGradient(dWeight, weight, scores, dScores));
        }
    }
}
