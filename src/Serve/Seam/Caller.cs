namespace HeadTap.Serve;

/// <summary>What a key may do.</summary>
public enum Right
{
    /// <summary>Ask for completions, cut texts into tokens, list models, keep files and batches.</summary>
    Query,

    /// <summary>Ask for embeddings.</summary>
    Embeddings,

    /// <summary>Read a model's inner values and gradients.</summary>
    Reads,

    /// <summary>Edit a model's inner values for one request.</summary>
    Edits,

    /// <summary>Run verbs of the program as jobs.</summary>
    Jobs,
}

/// <summary>Who asks.</summary>
/// <param name="Name">Name of the key; <c>anonymous</c> on a server without keys.</param>
/// <param name="Rights">What the key may do.</param>
/// <param name="Tier">Class of the key, by which a scheduler sets its order and limits:
/// <c>standard</c> unless the key's file says another.</param>
public sealed record Caller(string Name, IReadOnlySet<Right> Rights, string Tier)
{
    /// <summary>The class of keys that name none.</summary>
    public const string StandardTier = "standard";

    /// <summary>The caller of a server without keys, who may do everything.</summary>
    public static Caller Anonymous { get; } =
        new("anonymous", new HashSet<Right>(Enum.GetValues<Right>()), StandardTier);

    /// <summary>Throws if the caller lacks a right.</summary>
    /// <exception cref="ApiError">403: the key does not have the right.</exception>
    public void Require(Right right)
    {
        if (!Rights.Contains(right))
            throw ApiError.Forbidden(right);
    }
}
