using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>One of the two runs of a patch: a prompt, and the edits that corrupt it.</summary>
/// <param name="Tokens">Token ids of the prompt.</param>
public sealed record PatchInput(int[] Tokens)
{
    /// <summary>Edits of the embedding in force during this run; empty for the prompt as it is.</summary>
    public IReadOnlyList<Edit> Edits { get; init; } = [];
}

/// <summary>Which run takes values from the other.</summary>
public enum PatchDirection
{
    /// <summary>Clean values go into the corrupted run: what is enough to bring the answer back.</summary>
    Denoise,

    /// <summary>Corrupted values go into the clean run: what is needed for the answer.</summary>
    Noise,
}
