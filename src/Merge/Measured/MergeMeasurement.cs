using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>What a method that looks at data is given before the merge.</summary>
public sealed record MergeMeasurement
{
    /// <summary>Where the models run.</summary>
    public required ComputeDevice Device { get; init; }

    /// <summary>The merge.</summary>
    public required MergeConfig Config { get; init; }

    /// <summary>Rows of each model, in their order: at least two tokens, at most the context.</summary>
    public required IReadOnlyList<IReadOnlyList<int[]>> Rows { get; init; }

    /// <summary>Told the share that is done.</summary>
    public Action<double>? Progress { get; init; }

    /// <summary>Stops the measurement.</summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>The values of parameters that hold for all tensors.</summary>
    internal TensorSettings Settings => Config.For("", 0);

    /// <summary>Rows of texts, cut into windows of a model's context; what has no second token is left
    /// out.</summary>
    public static IReadOnlyList<int[]> Windows(IEnumerable<int[]> texts, int context)
        => [.. texts.SelectMany(text => text.Chunk(context)).Where(row => row.Length > 1)];

    /// <summary>Reads a model onto the device.</summary>
    internal LanguageModel Load(int model) => LanguageModel.Load(Device, Config.Models[model].Folder);

    /// <summary>The first rows of a model.</summary>
    internal IReadOnlyList<int[]> First(int model, int count) => [.. Rows[model].Take(count)];

    /// <summary>Reports a share and stops where that was asked for.</summary>
    internal void Report(double share)
    {
        Cancel.ThrowIfCancellationRequested();
        Progress?.Invoke(share);
    }
}
