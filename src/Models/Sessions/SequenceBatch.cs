using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>A batch of token ids: rows of unequal length, padded on the right to the longest.</summary>
public sealed class SequenceBatch
{
    readonly int[] _tokens;

    /// <summary>A batch from its rows.</summary>
    /// <exception cref="UserException">There is no row.</exception>
    public SequenceBatch(params IReadOnlyList<IReadOnlyList<int>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0)
            throw new UserException("the batch is empty; expected at least one row of token ids");
        B = rows.Count;
        T = Math.Max(1, rows.Max(r => r.Count));
        Lengths = [.. rows.Select(r => r.Count)];
        _tokens = new int[(long)B * T];
        for (int b = 0; b < B; b++)
            for (int t = 0; t < rows[b].Count; t++)
                _tokens[b * T + t] = rows[b][t];
    }

    /// <summary>
    /// A batch already padded: [B T] ids, of which the first <c>lengths[b]</c> of a row count.
    /// </summary>
    public SequenceBatch(int[] tokens, int[] lengths, int T)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(lengths);
        if (tokens.Length != (long)lengths.Length * T || lengths.Any(n => n > T))
            throw new ArgumentException($"{tokens.Length} tokens are not {lengths.Length} rows of {T}.");
        (_tokens, Lengths, B, this.T) = (tokens, lengths, lengths.Length, T);
    }

    /// <summary>Rows.</summary>
    public int B { get; }

    /// <summary>Tokens of the longest row.</summary>
    public int T { get; }

    /// <summary>[B] real tokens of each row.</summary>
    public int[] Lengths { get; }

    /// <summary>The id at a row and position.</summary>
    public int this[int b, int t] => _tokens[b * T + t];

    /// <summary>A row without its padding.</summary>
    public ReadOnlySpan<int> Row(int b) => _tokens.AsSpan(b * T, Lengths[b]);

    /// <summary>[B T]: each token's successor, -1 at the end of a row and in padding: the targets of language
    /// modelling.</summary>
    public int[] NextTokens()
    {
        int[] targets = new int[_tokens.Length];
        Array.Fill(targets, -1);
        for (int b = 0; b < B; b++)
            for (int t = 0; t + 1 < Lengths[b]; t++)
                targets[b * T + t] = _tokens[b * T + t + 1];
        return targets;
    }

    /// <summary>[B T] ids with -1 in padding.</summary>
    internal int[] Padded() => Masked((b, t) => _tokens[b * T + t]);

    /// <summary>[B T] positions with -1 in padding.</summary>
    internal int[] Positions() => Masked((_, t) => t);

    /// <summary>Checks what every pass checks before it runs.</summary>
    /// <exception cref="UserException">A row is empty or too long, or a token is outside the
    /// vocabulary.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        for (int b = 0; b < B; b++)
        {
            string row = B == 1 ? "the prompt" : $"row {b}";
            if (Lengths[b] == 0)
                throw new UserException($"{row} is empty; expected at least one token");
            if (Lengths[b] > config.ContextLength)
                throw new UserException(
                    $"{row} has {Lengths[b]} tokens; the model's context ends at {config.ContextLength}");
            foreach (int token in Row(b))
                if (token < 0 || token >= config.VocabSize)
                    throw new UserException(
                        $"{row} has token id {token}; the model's vocabulary is 0 to {config.VocabSize - 1}");
        }
    }

    int[] Masked(Func<int, int, int> value)
    {
        int[] result = new int[_tokens.Length];
        for (int b = 0; b < B; b++)
            for (int t = 0; t < T; t++)
                result[b * T + t] = t < Lengths[b] ? value(b, t) : -1;
        return result;
    }
}
