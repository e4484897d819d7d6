using System.Runtime.Intrinsics;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>From what a pass recorded at a site to what a read asked for of one row.</summary>
static class SiteValues
{
    const int RowsAtOnce = 32;

    /// <summary>Returns an <see cref="AccessTensor"/>, or <see cref="AccessWords"/> for tokens.</summary>
    /// <param name="model">The model; called on its thread.</param>
    /// <param name="read">What is asked for.</param>
    /// <param name="site">Where.</param>
    /// <param name="recorded">Shape, batch axis first, and values of the pass.</param>
    /// <param name="row">The row of the pass.</param>
    /// <param name="length">Its tokens.</param>
    internal static object Of(ResidentModel model, SiteRead read, Site site,
        (int[] Shape, float[] Values) recorded, int row, int length)
    {
        int[] positions = read.PositionsOf(length, "reads");
        (int[] shape, float[] values) = site.Kind is SiteKind.Scores or SiteKind.Pattern
            ? Maps(recorded, read, row, length, positions) : Rows(recorded, read, row, positions);
        return read.Reduction switch
        {
            Reduction.Norm => Norm(shape, values),
            Reduction.Mean => Mean(shape, values, site.Kind is SiteKind.Scores or SiteKind.Pattern ? 1 : 0),
            Reduction.Top => Words(model, shape, values, read.Top),
            _ => new AccessTensor(shape, values),
        };
    }

    // [B, T, ...] to [positions, heads?, ...].
    static (int[], float[]) Rows(
        (int[] Shape, float[] Values) recorded, SiteRead read, int row, int[] positions)
    {
        (int[] shape, float[] from) = recorded;
        bool heads = shape.Length == 4;
        int T = shape[1], unit = shape[^1], H = heads ? shape[2] : 1;
        int n = read.Heads?.Count ?? H;
        float[] values = new float[(long)positions.Length * n * unit];
        int at = 0;
        foreach (int t in positions)
        {
            ReadOnlySpan<float> all = from.AsSpan(checked((int)(((long)row * T + t) * H * unit)), H * unit);
            if (read.Heads is null)
                all.CopyTo(values.AsSpan(at));
            for (int i = 0; i < read.Heads?.Count; i++)
                all.Slice(read.Heads[i] * unit, unit).CopyTo(values.AsSpan(at + i * unit));
            at += n * unit;
        }
        return (heads ? [positions.Length, n, unit] : [positions.Length, unit], values);
    }

    // [B, H, T, T] to [heads, positions of queries, keys].
    static (int[], float[]) Maps((int[] Shape, float[] Values) recorded, SiteRead read, int row, int length,
        int[] positions)
    {
        (int[] all, float[] from) = recorded;
        int H = all[1], T = all[2], keys = all[3];
        IReadOnlyList<int> chosen = read.Heads ?? [.. Enumerable.Range(0, H)];
        float[] values = new float[(long)chosen.Count * positions.Length * length];
        int at = 0;
        foreach (int h in chosen)
            foreach (int t in positions)
            {
                from.AsSpan(checked((int)((((long)row * H + h) * T + t) * keys)), length)
                    .CopyTo(values.AsSpan(at));
                at += length;
            }
        return ([chosen.Count, positions.Length, length], values);
    }

    static AccessTensor Norm(int[] shape, float[] values)
    {
        int unit = Math.Max(1, shape[^1]);
        float[] norms = new float[values.Length / unit];
        for (int i = 0; i < norms.Length; i++)
            norms[i] = (float)Math.Sqrt(SumOfSquares(values.AsSpan(i * unit, unit)));
        return new AccessTensor(shape[..^1], norms);
    }

    // In float64. A model's thread computes it, so eight at a time; the lanes add up in one order everywhere.
    static double SumOfSquares(ReadOnlySpan<float> values)
    {
        Vector256<double> lower = default, upper = default;
        for (; values.Length >= Vector256<float>.Count; values = values[Vector256<float>.Count..])
        {
            (Vector256<double> x, Vector256<double> y) = Vector256.Widen(Vector256.Create(values));
            lower += x * x;
            upper += y * y;
        }
        Vector256<double> lanes = lower + upper;
        double sum = lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
        foreach (float v in values)
            sum += (double)v * v;
        return sum;
    }

    static AccessTensor Mean(int[] shape, float[] values, int axis)
    {
        int outer = axis == 0 ? 1 : shape[0], n = shape[axis];
        int inner = values.Length / Math.Max(1, outer * n);
        float[] means = new float[outer * inner];
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
            {
                double sum = 0;
                for (int t = 0; t < n; t++)
                    sum += values[(o * n + t) * inner + i];
                means[o * inner + i] = (float)(sum / n);
            }
        return new AccessTensor([.. shape.Where((_, a) => a != axis)], means);
    }

    static AccessWords Words(ResidentModel model, int[] shape, float[] values, int top)
    {
        int V = model.Config.VocabSize, C = shape[^1], rows = values.Length / C;
        var words = new List<IReadOnlyList<(int, double)>>(rows);
        using var lens = new LogitLensRows(model.Model, Math.Min(RowsAtOnce, Math.Max(1, rows)));
        for (int first = 0; first < rows; first += RowsAtOnce)
        {
            int n = Math.Min(RowsAtOnce, rows - first);
            float[] logits = lens.Logits(values, first, n);
            for (int i = 0; i < n; i++)
            {
                ReadOnlySpan<float> row = logits.AsSpan(i * V, V);
                double total = LogSumExp.Of(row);
                words.Add([.. LargestLogits.Of(row, Math.Min(top, V))
                    .Select(t => (t.Token, Math.Exp(t.Logit - total)))]);
            }
        }
        return new AccessWords(shape[..^1], words);
    }
}
