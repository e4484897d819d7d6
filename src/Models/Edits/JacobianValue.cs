
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
    /// <summary>The site that the direction is for; null until it is known where the edit acts.</summary>
    public Site? Place { get; init; }

    /// <summary>SHA-256 of the lens' file where it was recorded; null where it was not.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Path of the file with the matrices.</summary>
    public string WeightsPath => Path.Combine(Lens, StreamJacobian.WeightsFile);

    internal override EditValue ForSite(Site site) => this with { Place = site };

    internal override (float[], int[]) Resolve(LanguageModel model)
    {
        (float[] token, int[] shape) = new EmbeddingValue(Tokens, Head: true).Resolve(model);
        return (StreamJacobian.Open(Lens, Where(), model.Config).Back(token), shape);
    }

    internal override int[] ShapeFor(ModelConfig config)
    {
        int[] shape = new EmbeddingValue(Tokens, Head: true).ShapeFor(config);
        if (Place is { } place)
            StreamJacobian.Require(Lens, place, config);
        return shape;
    }

    Site Where() => Place
        ?? throw new InvalidOperationException("The site of a Jacobian's direction is not known.");
}
