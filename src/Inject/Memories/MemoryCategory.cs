using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A word that is injected though it has nothing to do with the question.</summary>
/// <param name="Text">As it stands.</param>
/// <param name="Tokens">Its tokens, nothing put before it.</param>
public sealed record RandomWord(string Text, int[] Tokens);

/// <summary>Words of one kind (arXiv 2309.05605, section 5: the random baselines).</summary>
/// <param name="Name">As results spell it.</param>
/// <param name="Words">The words, each once.</param>
public sealed record MemoryCategory(string Name, IReadOnlyList<RandomWord> Words)
{
    const ulong TokenStream = 1, BridgeStream = 2;

    /// <summary>Single tokens of the vocabulary.</summary>
    public const string RandomTokens = "random-tokens";

    /// <summary>The memories of other pairs: the authors' category "subject".</summary>
    public const string OtherBridges = "other-bridges";

    /// <summary>The first words of a list, repeated ones once, as the authors take them.</summary>
    /// <param name="name">The category.</param>
    /// <param name="words">The list.</param>
    /// <param name="count">Words to read; repeated ones count.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="config">The model's.</param>
    /// <exception cref="UserException">A token is outside the vocabulary.</exception>
    public static MemoryCategory First(string name, IReadOnlyList<string> words, int count,
        ByteBpeTokenizer tokenizer, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(words);
        ArgumentNullException.ThrowIfNull(tokenizer);
        RandomWord[] found =
            [.. words.Take(count).Distinct().Select(w => new RandomWord(w, tokenizer.Encode(w)))];
        foreach (RandomWord word in found)
            if (word.Tokens.Length == 0 || word.Tokens.Max() >= config.VocabSize)
                throw new UserException($"{name}: {Quoted.Name(word.Text)} has no token in the model's "
                    + $"vocabulary of {config.VocabSize}");
        return new(name, found);
    }

    /// <summary>
    /// Tokens drawn from the vocabulary, each once, begin-of-text and end-of-text left out.
    /// </summary>
    /// <param name="count">How many; at most the vocabulary.</param>
    /// <param name="tokenizer">The model's, for their text.</param>
    /// <param name="config">The model's.</param>
    /// <param name="seed">Of the draw.</param>
    public static MemoryCategory DrawTokens(int count, ByteBpeTokenizer tokenizer, ModelConfig config,
        ulong seed)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(config);
        int[] tokens = [.. Enumerable.Range(0, config.VocabSize)
            .Where(t => t != config.BosToken && t != config.EosToken)];
        new SeededRandom(seed, TokenStream).Shuffle(tokens.AsSpan());
        return new(RandomTokens,
            [.. tokens.Take(count).Select(t => new RandomWord(tokenizer.Decode([t]), [t]))]);
    }

    /// <summary>
    /// Memories drawn from the pairs themselves, each once. A pair takes no part where a word is its own
    /// memory.
    /// </summary>
    /// <param name="count">How many; fewer where the pairs have fewer.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="seed">Of the draw.</param>
    public static MemoryCategory DrawBridges(int count, IReadOnlyList<EncodedPair> pairs, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        RandomWord[] words = [.. pairs.DistinctBy(p => p.Pair.Memory)
            .Select(p => new RandomWord(p.Pair.Memory, p.Memory))];
        new SeededRandom(seed, BridgeStream).Shuffle(words.AsSpan());
        return new(OtherBridges, [.. words.Take(count)]);
    }
}
