using HeadTap.Kernels.Tests;
using HeadTap.Models;

namespace HeadTap.Merge.Tests;

/// <summary>Folders of small random models, texts for them, and the float64 loss of any weights.</summary>
sealed class LandscapeFolders : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("headtap-landscape-").FullName;

    /// <summary>No size divides another by accident, but for width and heads.</summary>
    internal static ModelConfig Config { get; } =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    /// <summary>Rows of unequal length.</summary>
    internal static int[][] Texts { get; } =
        [.. new[] { 12, 5, 2, 9 }.Select((length, i) => Numbers.Integers(i + 1, length, Config.VocabSize))];

    internal string At(string name) => Path.Combine(_folder, name);

    /// <summary>Writes a random model and returns its weights.</summary>
    internal float[] Write(string name, int seed, ModelConfig? config = null, Action<float[]>? change = null)
    {
        config ??= Config;
        float[] flat = Numbers.Normal(seed, (int)new ParameterLayout(config).TotalLength, 0f, 0.3f);
        change?.Invoke(flat);
        ModelFolder.Write(At(name), config, flat);
        return flat;
    }

    /// <summary>Mean next-token cross-entropy and accuracy of weights, in float64.</summary>
    internal static (double Loss, double Accuracy) Exact(float[] flat, IReadOnlyList<int[]> texts)
    {
        var layout = new ParameterLayout(Config);
        var decoder = new Float64Decoder(Config, name =>
            flat.AsSpan((int)layout[name].Offset, (int)layout[name].Length).ToArray());
        double sum = 0;
        int tokens = 0, right = 0, V = Config.VocabSize;
        foreach (int[] text in texts)
        {
            double[] logits = decoder.Run(text);
            for (int t = 0; t + 1 < text.Length; t++)
            {
                double[] row = logits[(t * V)..((t + 1) * V)];
                double most = row.Max();
                sum += most + Math.Log(row.Sum(v => Math.Exp(v - most))) - row[text[t + 1]];
                right += Array.IndexOf(row, most) == text[t + 1] ? 1 : 0;
                tokens++;
            }
        }
        return (sum / tokens, (double)right / tokens);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
