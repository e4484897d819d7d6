namespace HeadTap.Merge;

/// <summary>Whether a method works with a base model.</summary>
public enum BaseUse
{
    /// <summary>It has none.</summary>
    None,

    /// <summary>It takes one.</summary>
    Optional,

    /// <summary>It needs one.</summary>
    Required,
}

/// <summary>A way to make one tensor of several: name, equation, paper, parameters.</summary>
public abstract class MergeMethod
{
    /// <summary>The name in a configuration, mergekit's where it has the method.</summary>
    public abstract string Name { get; }

    /// <summary>The publication that describes it.</summary>
    public abstract string Paper { get; }

    /// <summary>The equation, in the symbols of docs/merge.md: theta_i a model, theta_0 the base, t_i =
    /// theta_i - theta_0.</summary>
    public abstract string Equation { get; }

    /// <summary>The parameters that it reads.</summary>
    public abstract IReadOnlyList<MergeParameter> Parameters { get; }

    /// <summary>Whether it works with a base model.</summary>
    public abstract BaseUse Base { get; }

    /// <summary>The fewest models that it takes, without the base.</summary>
    public virtual int FewestModels => 1;

    /// <summary>The most models that it takes, without the base.</summary>
    public virtual int MostModels => int.MaxValue;

    /// <summary>Refuses values that do not fit together, before a weight is read.</summary>
    /// <param name="tensor">Name of the tensor that they are for.</param>
    /// <param name="settings">The values.</param>
    /// <param name="models">Models without the base.</param>
    /// <exception cref="Runtime.UserException">They do not.</exception>
    internal virtual void Require(string tensor, TensorSettings settings, int models)
    {
    }

    /// <summary>Refuses weights that are to be divided by their sum and add up to 0.</summary>
    private protected static void RequireSum(string tensor, TensorSettings settings, int models)
    {
        if (Math.Abs(settings.Each(MergeParameter.Weight, models).Sum()) < 1e-8)
            throw new Runtime.UserException($"{tensor}: the weights add up to 0 and cannot be normalised");
    }

    /// <summary>Reads what it must know of a tensor before the first number can be written.</summary>
    public abstract ITensorMerge Open(ParentTensor tensor, TensorSettings settings);
}

/// <summary>A tensor of the merge, asked for in pieces.</summary>
public interface ITensorMerge
{
    /// <summary>Writes the merge's numbers from <paramref name="start"/> on. Pieces come in any order and
    /// from several threads, and do not depend on each other.</summary>
    void Write(long start, Span<float> to);
}
