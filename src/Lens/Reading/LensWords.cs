namespace HeadTap.Lens;

/// <summary>A token and the logit that a lens gives it.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logit">Before any softmax.</param>
public readonly record struct LensToken(int Id, float Logit);

/// <summary>What a lens says at one position.</summary>
/// <param name="Top">The largest logits, first the largest; among equals the lower id first.</param>
/// <param name="CenteredLogit">
/// How strongly it favours the token that the model itself finds most probable there: that token's logit
/// less the mean over the vocabulary. What raises every token alike counts for nothing.
/// </param>
public sealed record LensWords(IReadOnlyList<LensToken> Top, float CenteredLogit);

/// <summary>A token as the model's own next one.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logit">The model's.</param>
/// <param name="Probability">Of its being the next.</param>
public readonly record struct ModelToken(int Id, float Logit, double Probability);

/// <summary>What a lens says of one head.</summary>
/// <param name="Head">From 0.</param>
/// <param name="Words">[n]: at each position.</param>
public sealed record HeadReading(int Head, IReadOnlyList<LensWords> Words);

/// <summary>What a lens says of one layer.</summary>
/// <param name="Layer">From 0.</param>
/// <param name="Whole">[n]: of all heads together, or of the stream where the lens reads that.</param>
/// <param name="Heads">Of each head that was asked for; empty for a lens that reads no heads.</param>
public sealed record LayerReading(
    int Layer, IReadOnlyList<LensWords> Whole, IReadOnlyList<HeadReading> Heads);
