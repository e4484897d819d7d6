namespace HeadTap.Models;

/// <summary>How predictions of several models become one.</summary>
public enum EnsembleRule
{
    /// <summary>The mean of their probabilities.</summary>
    Probabilities,

    /// <summary>The mean of their logits: the normalised geometric mean of probabilities.</summary>
    Logits,

    /// <summary>The token that most models find most probable; of several, the one with the largest mean
    /// probability. It has no probabilities of its own.</summary>
    Vote,
}
