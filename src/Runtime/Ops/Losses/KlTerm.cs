namespace HeadTap.Runtime;

/// <summary>One of the maps whose distributions are held against a target's by <see cref="VocabularyKl"/>.
/// </summary>
/// <param name="X">[rows, K]</param>
/// <param name="Map">logits = x W + b</param>
/// <param name="Losses">[rows], in nats; written.</param>
/// <param name="Gradient">
/// Is given the first token of each chunk and the gradient of its logits [rows, n], chunks in order; null for
/// losses alone. The tensor may be overwritten. By then every chunk's logits have been read, so the map's
/// weights of this chunk may be changed; those of later chunks must stay as they are.
/// </param>
public sealed record KlTerm(Tensor X, VocabularyMap Map, Tensor Losses, Action<int, Tensor>? Gradient)
{
    /// <summary>Called when <see cref="Losses"/> are whole, before the first gradient is handed out; an
    /// exception from it leaves the weights as they were.</summary>
    public Action? LossesKnown { get; init; }

    /// <summary>Logits that x W is added to; null for none. The map has no bias then. No gradient of them is
    /// made.</summary>
    public TargetLogits.Mapped? Base { get; init; }
}
