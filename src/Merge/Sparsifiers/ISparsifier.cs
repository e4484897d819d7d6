namespace HeadTap.Merge;

/// <summary>A rule by which numbers of a task vector are dropped.</summary>
interface ISparsifier
{
    /// <summary>The parameters that it reads.</summary>
    IReadOnlyList<MergeParameter> Parameters { get; }

    /// <summary>Whether it reads task vectors before or while they are summed, beside the sum.</summary>
    bool ReadsAgain => true;

    /// <summary>Refuses values that do not fit together.</summary>
    void Require(TensorSettings settings, int model)
    {
    }

    /// <summary>Reads what it must know of a model's task vector.</summary>
    ISparsity Open(ParentTensor tensor, TensorSettings settings, int model);
}

/// <summary>What is left of one task vector.</summary>
interface ISparsity
{
    /// <summary>Replaces dropped numbers by 0 and scales the others; <paramref name="start"/> is the number
    /// of the first.</summary>
    void Apply(long start, Span<float> vector);
}
