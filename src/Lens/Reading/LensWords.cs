namespace HeadTap.Lens;

/// <summary>A token and the logit that a lens gives it.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Logit">Lens logit, before softmax.</param>
public readonly record struct LensToken(int Id, float Logit);

/// <summary>Reading of a lens at one position.</summary>
/// <param name="Top">Tokens with the largest logits, in descending order; ties go to the lower id.</param>
/// <param name="CenteredLogit">Lens logit of the model's own most probable token at this position, minus the
/// mean over the vocabulary. A constant added to all logits does not change it.</param>
public sealed record LensWords(IReadOnlyList<LensToken> Top, float CenteredLogit);

/// <summary>A token and the model's own logit and probability that it is the next.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Logit">Logit of the model.</param>
/// <param name="Probability">Probability that the token is the next.</param>
public readonly record struct ModelToken(int Id, float Logit, double Probability);

/// <summary>Readings of a lens for one head.</summary>
/// <param name="Head">Head, from 0.</param>
/// <param name="Words">[n]: reading at each position.</param>
public sealed record HeadReading(int Head, IReadOnlyList<LensWords> Words);

/// <summary>Readings of a lens for one layer.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Whole">[n]: readings of all heads together, or of the stream if the lens reads the
/// stream.</param>
/// <param name="Heads">Readings of each requested head; empty for a lens that reads no heads.</param>
public sealed record LayerReading(
    int Layer, IReadOnlyList<LensWords> Whole, IReadOnlyList<HeadReading> Heads);
