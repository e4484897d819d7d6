namespace HeadTap.Merge;

/// <summary>The values of a method's parameters for one tensor.</summary>
public sealed class TensorSettings
{
    readonly Dictionary<(string Name, int Model), double> _values = [];

    /// <summary>Seed of random masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>Sets a value that holds for all models.</summary>
    /// <exception cref="Runtime.UserException">It is outside its range.</exception>
    public TensorSettings With(MergeParameter parameter, double value) => With(parameter, -1, value);

    /// <summary>Sets the value of one model.</summary>
    /// <exception cref="Runtime.UserException">It is outside its range.</exception>
    public TensorSettings With(MergeParameter parameter, int model, double value)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        _values[(parameter.Name, model)] = parameter.Checked(value);
        return this;
    }

    /// <summary>The value for all models, or the default.</summary>
    public double Of(MergeParameter parameter) => Of(parameter, -1);

    /// <summary>The value of a model, else the one for all, else the default.</summary>
    public double Of(MergeParameter parameter, int model)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return _values.TryGetValue((parameter.Name, model), out double own)
            || _values.TryGetValue((parameter.Name, -1), out own) ? own
            : parameter.Default ?? throw new InvalidOperationException($"{parameter.Name} has no value");
    }

    /// <summary>Whether there is a value for all, a default, or a value of each of so many models.</summary>
    internal bool Has(MergeParameter parameter, int models) => parameter.Default is not null
        || _values.ContainsKey((parameter.Name, -1))
        || (models > 0 && Enumerable.Range(0, models).All(m => _values.ContainsKey((parameter.Name, m))));

    /// <summary>Whether a switch is on.</summary>
    internal bool Is(MergeParameter parameter) => Of(parameter) != 0;

    /// <summary>The values of all models.</summary>
    internal double[] Each(MergeParameter parameter, int models)
        => [.. Enumerable.Range(0, models).Select(m => Of(parameter, m))];
}
