namespace HeadTap.Merge;

/// <summary>Layers of the merge that are made of the same layers of the same models.</summary>
public sealed record MergeSlice
{
    /// <summary>Number of its first layer in the merge.</summary>
    public required int FirstLayer { get; init; }

    /// <summary>How many layers it is.</summary>
    public required int Layers { get; init; }

    /// <summary>The models in order, the base left out, with the parameters of their own here.</summary>
    public required IReadOnlyList<MergeParent> Models { get; init; }

    /// <summary>The first layer that is read, of each model.</summary>
    public required IReadOnlyList<int> From { get; init; }

    /// <summary>The first layer that is read of the base.</summary>
    public required int BaseFrom { get; init; }

    /// <summary>Parameters that hold for all models here; before those of the whole merge.</summary>
    public IReadOnlyDictionary<string, ParameterValue> Parameters { get; init; }
        = new Dictionary<string, ParameterValue>();

    /// <summary>How deep a layer of the merge lies in the slice: 0 the first, 1 the last and an only
    /// one.</summary>
    internal double Depth(int layer) => Layers > 1 ? (double)(layer - FirstLayer) / (Layers - 1) : 1;
}
