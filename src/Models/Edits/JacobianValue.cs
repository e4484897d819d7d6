using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A direction of tokens in a stream inside the model: <c>J^T sum W_U[:, t]</c> with J the stream's Jacobian
/// lens, [C, C]. Moving the stream along it moves the last stream along the tokens' unembedding (Gurnee et
/// al. 2026). J = I is <see cref="EditValue.Unembed"/>.
/// </summary>
/// <param name="Lens">Folder of the Jacobian lens.</param>
/// <param name="Tokens">Token ids; repeated ones count once.</param>
public sealed record JacobianValue(string Lens, int[] Tokens) : EditValue
{
    /// <summary>Name of the file with the matrices in the folder.</summary>
    public const string WeightsFile = "lens.safetensors";

    /// <summary>The site that the direction is for; null until it is known where the edit acts.</summary>
    public Site? Place { get; init; }

    /// <summary>SHA-256 of the lens' file where it was recorded; null where it was not.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Path of the file with the matrices.</summary>
    public string WeightsPath => Path.Combine(Lens, WeightsFile);

    internal override EditValue ForSite(Site site) => this with { Place = site };

    internal override (float[], int[]) Resolve(LanguageModel model)
    {
        (float[] token, int[] shape) = new EmbeddingValue(Tokens, Head: true).Resolve(model);
        int C = shape[0];
        if (Matrix(model.Config) is not { } name)
            return (token, shape);
        float[] jacobian = new float[C * C];
        using (SafetensorsReader reader = SafetensorsReader.Open(WeightsPath))
            reader.Read(name, jacobian);
        double[] direction = new double[C];
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
                direction[j] += (double)jacobian[i * C + j] * token[i];
        return (Array.ConvertAll(direction, v => (float)v), shape);
    }

    internal override int[] ShapeFor(ModelConfig config)
    {
        int[] shape = new EmbeddingValue(Tokens, Head: true).ShapeFor(config);
        if (Place is not null)
            Matrix(config);
        return shape;
    }

    // Name of the tensor; null where J is the identity, at the end of the last block.
    string? Matrix(ModelConfig config)
    {
        (string stream, int layer) = Stream(Place
            ?? throw new InvalidOperationException("The site of a Jacobian's direction is not known."));
        string path = WeightsPath;
        if (!System.IO.File.Exists(path))
            throw Wrong($"no {WeightsFile} is there; expected a folder of a Jacobian lens");
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        string? reads = SiteOf(reader.Metadata.GetValueOrDefault("lens"));
        if (reads is null)
            throw Wrong("the lens is of another kind; expected a Jacobian lens");
        if (reads != stream)
            throw Wrong($"the lens reads {reads}, and {Place} adds to {stream}; expected a lens of {stream}");
        if (stream == "resid_post" && layer == config.Layers - 1)
            return null;
        string name = $"layers.{layer}.jacobian";
        if (!reader.Contains(name))
            throw Wrong($"the lens has no layer {layer}; expected a lens that has it");
        long[] shape = [.. reader.Find(name).Shape];
        return shape.SequenceEqual([config.Width, config.Width]) ? name : throw Wrong($"{name} is "
            + $"{Quoted.Shape([.. shape.Select(extent => (int)extent)])}; the model's width is "
            + $"{config.Width}");
    }

    (string Stream, int Layer) Stream(Site place) => place.Kind switch
    {
        SiteKind.AttnOut or SiteKind.Result or SiteKind.ResidMid => ("resid_mid", place.Layer),
        SiteKind.MlpOut or SiteKind.ResidPost => ("resid_post", place.Layer),
        SiteKind.ResidPre when place.Layer > 0 => ("resid_post", place.Layer - 1),
        _ => throw Wrong($"{place} adds to no stream that has a Jacobian; expected attn_out, result, "
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

    UserException Wrong(string what) => new($"edit value: {Quoted.Path(Lens)}: {what}");
}
