using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The Jacobian lens J of the stream that a site adds to, [C, C]: a stream h is read as <c>h J^T</c>, and a
/// direction w of the last stream is <c>J^T w</c> there (Gurnee et al. 2026).
/// </summary>
public sealed class StreamJacobian
{
    /// <summary>Name of the file with the matrices in the folder of a lens.</summary>
    public const string WeightsFile = "lens.safetensors";

    readonly float[]? _matrix; // null: the identity, at the end of the last block
    readonly int _width;

    StreamJacobian(float[]? matrix, int width) => (_matrix, _width) = (matrix, width);

    /// <summary>Reads the matrix for a site.</summary>
    /// <param name="lens">Folder of the lens.</param>
    /// <param name="site">Site that adds to a stream.</param>
    /// <param name="config">Config of the model.</param>
    /// <exception cref="UserException">The folder is no Jacobian lens, its sites, layers or width are others,
    /// or the site adds to no stream.</exception>
    public static StreamJacobian Open(string lens, Site site, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (Matrix(lens, site, config) is not { } name)
            return new(null, config.Width);
        float[] matrix = new float[config.Width * config.Width];
        using (SafetensorsReader reader = SafetensorsReader.Open(Path.Combine(lens, WeightsFile)))
            reader.Read(name, matrix);
        return new(matrix, config.Width);
    }

    /// <summary>Reads the matrices of what attention adds to, [L].</summary>
    /// <param name="lens">Folder of the lens.</param>
    /// <param name="config">Config of the model.</param>
    /// <exception cref="UserException">As <see cref="Open"/>.</exception>
    public static IReadOnlyList<StreamJacobian> OfAttention(string lens, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return [.. Enumerable.Range(0, config.Layers).Select(l => Open(lens, Site.AttnOut(l), config))];
    }

    /// <summary>Returns J^T w, [C], with sums in float64.</summary>
    /// <param name="direction">[C]: direction w of the last stream.</param>
    public float[] Back(float[] direction)
    {
        ArgumentNullException.ThrowIfNull(direction);
        if (_matrix is null)
            return direction;
        double[] sums = new double[_width];
        for (int i = 0; i < _width; i++)
            for (int j = 0; j < _width; j++)
                sums[j] += (double)_matrix[i * _width + j] * direction[i];
        return Array.ConvertAll(sums, v => (float)v);
    }

    /// <summary>Returns x J^T for every vector x, [n, C], with sums in float64.</summary>
    /// <param name="vectors">[n, C]: vectors of the stream.</param>
    public float[] Forward(float[] vectors)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        if (_matrix is null)
            return vectors;
        float[] read = new float[vectors.Length];
        for (int n = 0; n < vectors.Length; n += _width)
            for (int i = 0; i < _width; i++)
            {
                double sum = 0;
                for (int j = 0; j < _width; j++)
                    sum += (double)_matrix[i * _width + j] * vectors[n + j];
                read[n + i] = (float)sum;
            }
        return read;
    }

    /// <summary>Checks that <see cref="Open"/> finds a matrix, without reading it.</summary>
    /// <exception cref="UserException">As <see cref="Open"/>.</exception>
    internal static void Require(string lens, Site site, ModelConfig config) => Matrix(lens, site, config);

    // Name of the tensor; null where J is the identity.
    static string? Matrix(string lens, Site place, ModelConfig config)
    {
        (string stream, int layer) = Stream(lens, place);
        string path = Path.Combine(lens, WeightsFile);
        if (!File.Exists(path))
            throw Wrong(lens, $"no {WeightsFile} is there; expected a folder of a Jacobian lens");
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        string? reads = SiteOf(reader.Metadata.GetValueOrDefault("lens"));
        if (reads is null)
            throw Wrong(lens, "the lens is of another kind; expected a Jacobian lens");
        if (reads != stream)
            throw Wrong(lens,
                $"the lens reads {reads}, and {place} adds to {stream}; expected a lens of {stream}");
        if (stream == "resid_post" && layer == config.Layers - 1)
            return null;
        string name = $"layers.{layer}.jacobian";
        if (!reader.Contains(name))
            throw Wrong(lens, $"the lens has no layer {layer}; expected a lens that has it");
        long[] shape = [.. reader.Find(name).Shape];
        return shape.SequenceEqual([config.Width, config.Width]) ? name : throw Wrong(lens, $"{name} is "
            + $"{Quoted.Shape([.. shape.Select(extent => (int)extent)])}; the model's width is "
            + $"{config.Width}");
    }

    static (string Stream, int Layer) Stream(string lens, Site place) => place.Kind switch
    {
        SiteKind.AttnOut or SiteKind.Result or SiteKind.ResidMid => ("resid_mid", place.Layer),
        SiteKind.MlpOut or SiteKind.ResidPost => ("resid_post", place.Layer),
        SiteKind.ResidPre when place.Layer > 0 => ("resid_post", place.Layer - 1),
        _ => throw Wrong(lens, $"{place} adds to no stream that has a Jacobian; expected attn_out, result, "
            + "resid_mid, mlp_out, resid_post, or resid_pre above block 0"),
    };

    // The site that the metadata of a lens names; null for another kind of lens.
    static string? SiteOf(string? facts)
    {
        try
        {
            JsonNode? lens = facts is null ? null : JsonNode.Parse(facts)?["lens"];
            return (string?)lens?["kind"] == "jacobian" ? (string?)lens["site"] : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    static UserException Wrong(string lens, string what)
        => new($"edit value: {Quoted.Path(lens)}: {what}");
}
