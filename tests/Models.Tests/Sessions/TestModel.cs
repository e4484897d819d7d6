using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>A small random model on a device, and the oracle's view of it.</summary>
sealed class TestModel : IDisposable
{
    readonly ParameterLayout _names;

    /// <summary>No size divides another by accident, but for width and heads.</summary>
    public static readonly ModelConfig Small =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    /// <summary>The same as GPT-NeoX: heads of 5 of which 4 numbers turn, parallel blocks.</summary>
    public static readonly ModelConfig NeoX = Small with
    {
        Architecture = GptNeoX.Architecture, TiedHead = false, Activation = Activation.GeluExact,
        RotaryNumbers = 4, ParallelResidual = true,
    };

    public TestModel(string device, ModelConfig? config = null, ulong seed = 7)
    {
        ModelConfig c = config ?? Small;
        Sizes = ReferenceSizes.Of(c);
        Plain = Gpt2Reference.RandomParameters(Sizes, seed, 4);
        Exact = Gpt2Reference.Convert<double>(Plain);
        Model = new LanguageModel(TestDevice.Open(device), c);
        _names = new ParameterLayout(c with { Architecture = Gpt2.Architecture });
        foreach (ParameterSlice slice in Model.Parameters.Slices)
            Model.Set[slice.Name].Upload(Plain[NameOf(slice)]);
    }

    /// <summary>What the oracle calls a parameter.</summary>
    public string NameOf(ParameterSlice slice) => _names[slice.Role, slice.Layer].Name;

    public LanguageModel Model { get; }

    public Gpt2Sizes Sizes { get; }

    public Dictionary<string, float[]> Plain { get; }

    public Dictionary<string, double[]> Exact { get; }

    public int[] Tokens(int seed, int count) => Numbers.Integers(seed, count, Model.Config.VocabSize);

    /// <summary>
    /// One row of a recording, without its padding: what the oracle gives for that row alone.
    /// </summary>
    public static float[] Row(Recording recording, Site site, int b, int length)
    {
        int[] shape = recording.Shape;
        float[] all = recording.ToArray();
        int perRow = all.Length / shape[0];
        ReadOnlySpan<float> row = all.AsSpan(b * perRow, perRow);
        if (site.Kind is not (SiteKind.Scores or SiteKind.Pattern))
            return row[..(perRow / shape[1] * length)].ToArray();
        int H = shape[1], T = shape[2];
        float[] square = new float[H * length * length];
        for (int h = 0; h < H; h++)
            for (int i = 0; i < length; i++)
                row.Slice((h * T + i) * T, length).CopyTo(square.AsSpan((h * length + i) * length));
        return square;
    }

    public void Dispose() => Model.Dispose();
}
