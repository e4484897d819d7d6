namespace HeadTap.Models;

/// <summary>A model's weights on the host, to go back to or to compare with.</summary>
public sealed class WeightSnapshot
{
    readonly Dictionary<string, float[]> _values;

    WeightSnapshot(Dictionary<string, float[]> values) => _values = values;

    /// <summary>The values of a parameter.</summary>
    public float[] this[string parameter] => _values[parameter];

    /// <summary>Copies all weights, or those of some parameters.</summary>
    public static WeightSnapshot Of(LanguageModel model, IReadOnlySet<string>? only = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new WeightSnapshot(model.Parameters.Slices.Where(s => only is null || only.Contains(s.Name))
            .ToDictionary(s => s.Name, s => model.Set[s.Name].ToArray()));
    }

    /// <summary>Writes them back, bit for bit.</summary>
    public void Restore(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach ((string name, float[] values) in _values)
            model.Set[name].Upload(values);
    }
}
