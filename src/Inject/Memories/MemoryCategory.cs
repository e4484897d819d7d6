using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A word that is unrelated to the question and is injected for comparison.</summary>
/// <param name="Text">Text of the word.</param>
/// <param name="Tokens">Token ids of the word, without a leading space.</param>
public sealed record RandomWord(string Text, int[] Tokens);

/// <summary>Words of one category for the random baselines (arXiv 2309.05605, section 5).</summary>
/// <param name="Name">Name of the category in results.</param>
/// <param name="Words">Words of the category, each once.</param>
public sealed record MemoryCategory(string Name, IReadOnlyList<RandomWord> Words)
{
    const ulong TokenStream = 1, BridgeStream = 2;

    /// <summary>Name of the category of single tokens drawn from the vocabulary.</summary>
    public const string RandomTokens = "random-tokens";

    /// <summary>Name of the category of other pairs' memories, which the authors call "subject".</summary>
    public const string OtherBridges = "other-bridges";

    /// <summary>
    /// Makes a category from the first words of a list, without repetitions, as the authors do.
    /// </summary>
    /// <param name="name">Name of the category.</param>
    /// <param name="words">List of words.</param>
    /// <param name="count">Number of words to read, including repeated ones.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="config">Configuration of the model.</param>
    /// <exception cref="UserException">A word has no token, or a token is outside the vocabulary.</exception>
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
    /// Makes a category of tokens drawn from the vocabulary without replacement; begin-of-text and
    /// end-of-text are left out.
    /// </summary>
    /// <param name="count">Number of tokens; fewer if the vocabulary has fewer.</param>
    /// <param name="tokenizer">Tokenizer of the model, for the text of the tokens.</param>
    /// <param name="config">Configuration of the model.</param>
    /// <param name="seed">Seed for the draw.</param>
    public static MemoryCategory DrawTokens(int count, ByteBpeTokenizer tokenizer, ModelConfig config,
        ulong seed)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(config);
        int[] tokens = [.. Enumerable.Range(0, config.VocabSize)
            .Where(t => t != config.BosToken && t != config.EosToken)];
        new SeededRandom(seed, TokenStream).Shuffle(tokens.AsSpan());
        return new(RandomTokens,
            [.. tokens.Take(count).Select(t => new RandomWord(tokenizer.TokenText(t), [t]))]);
    }

    /// <summary>
    /// Makes a category of memories drawn from the pairs without replacement. A pair is left out if a word is
    /// its own memory.
    /// </summary>
    /// <param name="count">Number of memories; fewer if the pairs have fewer.</param>
    /// <param name="pairs">Pairs whose memories are drawn.</param>
    /// <param name="seed">Seed for the draw.</param>
    public static MemoryCategory DrawBridges(int count, IReadOnlyList<EncodedPair> pairs, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        RandomWord[] words = [.. pairs.DistinctBy(p => p.Pair.Memory)
            .Select(p => new RandomWord(p.Pair.Memory, p.Memory))];
        new SeededRandom(seed, BridgeStream).Shuffle(words.AsSpan());
        return new(OtherBridges, [.. words.Take(count)]);
    }
}
