namespace HeadTap.Jobs;

/// <summary>What a model's thread makes room for.</summary>
public sealed record WorkerOptions
{
    /// <summary>Texts that run at once.</summary>
    public int Rows { get; init; } = 16;

    /// <summary>Tokens of a text, prompt included; null for the model's context.</summary>
    public int? Capacity { get; init; }

    /// <summary>Tokens of one pass: a long prompt is read in pieces, between which other texts go
    /// on.</summary>
    public int PassTokens { get; init; } = 256;

    /// <summary>Requests that may wait.</summary>
    public int MostWaiting { get; init; } = 256;

    /// <summary>Bytes of keys and values kept of prompts that may come again; 0 for none.</summary>
    public long PrefixBytes { get; init; } = 256L << 20;
}
