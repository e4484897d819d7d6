using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>All weights of a decoder on the host in float64, for arithmetic between roundings.</summary>
public sealed class DecoderWeights
{
    readonly Dictionary<(Role, int), double[]> _values;

    DecoderWeights(ParameterLayout layout, Dictionary<(Role, int), double[]> values)
        => (Layout, _values) = (layout, values);

    /// <summary>The table of its parameters.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The sizes.</summary>
    public ModelConfig Config => Layout.Config;

    /// <summary>The numbers of a parameter, row-major with the shape of its role; changing them changes this
    /// model.</summary>
    /// <param name="role">What it does.</param>
    /// <param name="layer">The block of a role inside the blocks, from 0; else left out.</param>
    public double[] this[Role role, int layer = -1] => _values[(role, layer)];

    /// <summary>Weights from the flat vector of <see cref="ParameterLayout"/>.</summary>
    /// <exception cref="ArgumentException">The vector has another length.</exception>
    public static DecoderWeights Of(ModelConfig config, ReadOnlySpan<float> flat)
    {
        var layout = new ParameterLayout(config);
        if (flat.Length != layout.TotalLength)
            throw new ArgumentException($"{flat.Length} numbers are not {layout.TotalLength} parameters.");
        var values = new Dictionary<(Role, int), double[]>();
        foreach (ParameterSlice slice in layout.Slices)
        {
            double[] wide = new double[slice.Length];
            ReadOnlySpan<float> from = flat.Slice((int)slice.Offset, (int)slice.Length);
            for (int i = 0; i < wide.Length; i++)
                wide[i] = from[i];
            values.Add((slice.Role, slice.Layer), wide);
        }
        return new DecoderWeights(layout, values);
    }

    /// <summary>Reads a model folder.</summary>
    /// <exception cref="UserException">Something is missing or damaged, or a number is not
    /// finite.</exception>
    public static DecoderWeights Read(string folder)
    {
        ModelConfig config = ModelFolder.ReadConfig(folder);
        float[] flat = new float[new ParameterLayout(config).TotalLength];
        ModelFolder.ReadParameters(folder, config, flat);
        return Of(config, flat);
    }

    /// <summary>The numbers rounded to float32, as the flat vector of <see cref="Layout"/>.</summary>
    public float[] ToFlat()
    {
        float[] flat = new float[Layout.TotalLength];
        foreach (ParameterSlice slice in Layout.Slices)
        {
            double[] values = this[slice.Role, slice.Layer];
            for (int i = 0; i < values.Length; i++)
                flat[slice.Offset + i] = (float)values[i];
        }
        return flat;
    }

    /// <summary>A copy of its own.</summary>
    public DecoderWeights Copy() => new(Layout,
        _values.ToDictionary(v => v.Key, v => (double[])v.Value.Clone()));

    /// <summary>A model of a config, all weights 0 and gains 1.</summary>
    internal static DecoderWeights Plain(ModelConfig config)
    {
        var layout = new ParameterLayout(config);
        var values = layout.Slices.ToDictionary(s => (s.Role, s.Layer), s => new double[s.Length]);
        foreach (((Role role, _), double[] gain) in values)
            if (role.IsNormGain())
                Array.Fill(gain, 1);
        return new DecoderWeights(layout, values);
    }

    /// <summary>Takes the place of a parameter.</summary>
    internal void Put(Role role, int layer, double[] values) => _values[(role, layer)] = values;
}
