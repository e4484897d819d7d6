using HeadTap.Models;

namespace HeadTap.Circuits.Tests;

/// <summary>
/// A decoder in float64 plain loops in which every reader reads a stream of its own: what attribution and
/// circuits are held against. It shares nothing with the ops.
/// </summary>
sealed class SplitDecoder
{
    readonly ModelConfig _config;
    readonly Dictionary<string, double[]> _weights;
    readonly int C, H, D, I;

    internal SplitDecoder(LanguageModel model)
    {
        _config = model.Config;
        (C, H, D, I) = (_config.Width, _config.Heads, _config.HeadWidth, _config.Inner);
        _weights = model.Parameters.Slices.ToDictionary(s => s.Name,
            s => Array.ConvertAll(model.Set[s.Name].ToArray(), v => (double)v));
    }

    /// <summary>Given a reader and the stream, returns the stream that it reads.</summary>
    internal delegate double[] Read(EdgeReader reader, double[] stream);

    /// <summary>Given a writer and what it writes, returns what goes into the stream.</summary>
    internal delegate double[] Write(CircuitNode writer, double[] output);

    internal double[] Embeddings(int[] tokens)
        => [.. tokens.SelectMany(t => _weights["wte.weight"].Skip(t * C).Take(C))];

    /// <summary>[V]: logits after the last token.</summary>
    internal double[] Run(double[] embeddings, Read? read = null, Write? write = null)
    {
        read ??= (_, stream) => stream;
        write ??= (_, output) => output;
        int T = embeddings.Length / C;
        double[] stream = Sum(write(new(NodeKind.Input), embeddings), _weights["wpe.weight"][..(T * C)]);
        for (int l = 0; l < _config.Layers; l++)
        {
            double[] attention = new double[T * C];
            for (int h = 0; h < H; h++)
                attention = Sum(attention, write(new(NodeKind.Head, l, h), Head(l, h, stream, read)));
            double[] bias = _weights[$"h.{l}.attn.c_proj.bias"];
            stream = [.. Sum(stream, attention).Select((v, i) => v + bias[i % C])];
            var mlp = new CircuitNode(NodeKind.Mlp, l);
            stream = Sum(stream, write(mlp, Mlp(l, read(new(mlp, ReaderInput.Whole), stream))));
        }
        double[] x = Norm(read(new(new(NodeKind.Logits), ReaderInput.Whole), stream), "ln_f");
        double[] last = x[^C..], head = _weights["wte.weight"], logits = new double[_config.VocabSize];
        for (int v = 0; v < logits.Length; v++)
            for (int c = 0; c < C; c++)
                logits[v] += last[c] * head[v * C + c];
        return logits;
    }

    double[] Head(int l, int h, double[] stream, Read read)
    {
        var node = new CircuitNode(NodeKind.Head, l, h);
        double[][] qkv = [.. ((ReaderInput[])[ReaderInput.Q, ReaderInput.K, ReaderInput.V]).Select(
            (input, part) => Linear(Norm(read(new(node, input), stream), $"h.{l}.ln_1"),
                $"h.{l}.attn.c_attn", 3 * C, part * C + h * D, D))];
        int T = stream.Length / C;
        double[] z = new double[T * D], result = new double[T * C], o = _weights[$"h.{l}.attn.c_proj.weight"];
        for (int t = 0; t < T; t++)
        {
            double[] scores = [.. Enumerable.Range(0, t + 1).Select(s => Enumerable.Range(0, D)
                .Sum(d => qkv[0][t * D + d] * qkv[1][s * D + d]) / Math.Sqrt(D))];
            double[] e = [.. scores.Select(s => Math.Exp(s - scores.Max()))];
            for (int s = 0; s <= t; s++)
                for (int d = 0; d < D; d++)
                    z[t * D + d] += e[s] / e.Sum() * qkv[2][s * D + d];
            for (int d = 0; d < D; d++)
                for (int c = 0; c < C; c++)
                    result[t * C + c] += z[t * D + d] * o[(h * D + d) * C + c];
        }
        return result;
    }

    double[] Mlp(int l, double[] stream)
    {
        double[] inner = Linear(Norm(stream, $"h.{l}.ln_2"), $"h.{l}.mlp.c_fc", I, 0, I);
        return Linear([.. inner.Select(x =>
            x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))))],
            $"h.{l}.mlp.c_proj", C, 0, C);
    }

    // Columns [first, first + count) of x W + b for W [inputs, outputs].
    double[] Linear(double[] x, string name, int outputs, int first, int count)
    {
        double[] weight = _weights[$"{name}.weight"], bias = _weights[$"{name}.bias"];
        int inputs = weight.Length / outputs, rows = x.Length / inputs;
        double[] y = new double[rows * count];
        for (int r = 0; r < rows; r++)
            for (int o = 0; o < count; o++)
            {
                y[r * count + o] = bias[first + o];
                for (int i = 0; i < inputs; i++)
                    y[r * count + o] += x[r * inputs + i] * weight[i * outputs + first + o];
            }
        return y;
    }

    double[] Norm(double[] x, string name)
    {
        double[] gain = _weights[$"{name}.weight"], shift = _weights[$"{name}.bias"];
        double[] y = new double[x.Length];
        for (int t = 0; t < x.Length / C; t++)
        {
            double[] row = x[(t * C)..((t + 1) * C)];
            double mean = row.Average(), variance = row.Average(v => (v - mean) * (v - mean));
            for (int c = 0; c < C; c++)
                y[t * C + c] = (row[c] - mean) / Math.Sqrt(variance + _config.LayerNormEpsilon) * gain[c]
                    + shift[c];
        }
        return y;
    }

    internal static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    /// <summary>The metric of the pair's answers, in float64.</summary>
    internal static double Metric(MetricKind kind, ContrastPair pair, double[] logits)
        => kind == MetricKind.LogitDifference ? logits[pair.Answer] - logits[pair.Wrong!.Value]
            : logits[pair.Answer] - Math.Log(logits.Sum(Math.Exp));
}
