using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A <see cref="PromptPair"/> as tokens.</summary>
/// <param name="Pair">Text of the pair.</param>
/// <param name="Explicit">Token ids of the single-hop prompt, with BOS if one is wanted.</param>
/// <param name="Obscure">Token ids of the multi-hop prompt, with BOS if one is wanted.</param>
/// <param name="Memory">Token ids of the memory, never with BOS.</param>
/// <param name="Answer">First token id of a space and the answer, which the paper scores.</param>
/// <param name="Entity">Positions of <see cref="Obscure"/> whose tokens overlap
/// <see cref="PromptPair.ObscureEntity"/>; empty if the prompt does not contain it.</param>
public sealed record EncodedPair(
    PromptPair Pair, int[] Explicit, int[] Obscure, int[] Memory, int Answer, Range Entity)
{
    /// <summary>Whether the multi-hop prompt contains its entity.</summary>
    public bool HasEntity => !Entity.Equals(0..0);

    /// <summary>
    /// Returns the number of tokens of the longest prompt of the pairs, single-hop or multi-hop.
    /// </summary>
    public static int LongestPrompt(IEnumerable<EncodedPair> pairs)
        => pairs.Max(p => Math.Max(p.Explicit.Length, p.Obscure.Length));

    /// <summary>
    /// Returns the named positions of the multi-hop prompt; null if it does not contain its entity.
    /// </summary>
    internal EditPositions? PositionsOf(MemoryPositions positions) => positions switch
    {
        MemoryPositions.All => EditPositions.All,
        MemoryPositions.Last => EditPositions.Last,
        _ => HasEntity ? EditPositions.List(Enumerable.Range(0, Obscure.Length).ToArray()[Entity]) : null,
    };

    /// <summary>Encodes a pair as tokens.</summary>
    /// <param name="pair">Text of the pair.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="config">Configuration of the model.</param>
    /// <param name="bos">Token id that is put before both prompts; null for none.</param>
    /// <param name="source">Place of the pair, which begins error messages.</param>
    /// <exception cref="UserException">A prompt is empty or longer than the context, memory or answer have no
    /// tokens, or a token is not in the vocabulary.</exception>
    public static EncodedPair Of(
        PromptPair pair, ByteBpeTokenizer tokenizer, ModelConfig config, int? bos, string source)
    {
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(config);
        int[] Prompt(string name, int[] text)
        {
            int[] ids = BeginOfText.Before(text, bos);
            if (text.Length == 0 || ids.Length > config.ContextLength)
                throw new UserException($"{source}: the {name} prompt has {ids.Length} tokens; expected 1 to "
                    + $"{config.ContextLength}");
            return ids;
        }
        int[] obscure = tokenizer.Encode(pair.Obscure);
        int[] single = Prompt("explicit", tokenizer.Encode(pair.Explicit));
        int[] multi = Prompt("obscure", obscure);
        int[] memory = tokenizer.Encode(pair.Memory);
        if (memory.Length == 0)
            throw new UserException($"{source}: the memory has no tokens; expected at least one");
        int[] answer = AnswerTokens(pair.Answer, tokenizer);
        if (answer.Length == 0)
            throw new UserException($"{source}: the answer is empty; expected a word");
        RequireKnown([answer[0]], config, $"{source}: the answer {Quoted.Name(pair.Answer)}");
        RequireKnown(memory, config, $"{source}: the memory {Quoted.Name(pair.Memory)}");
        RequireKnown([.. single, .. multi], config, $"{source}: a prompt");
        return new(pair, single, multi, memory, answer[0],
            EntitySpan(pair, tokenizer, multi, multi.Length - obscure.Length));
    }

    /// <summary>
    /// The tokens of an answer: a space precedes it, as in the paper, unless it begins with an added token of
    /// the vocabulary, which no space belongs to.
    /// </summary>
    public static int[] AnswerTokens(string answer, ByteBpeTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(tokenizer);
        string word = answer.Trim();
        if (word.Length == 0)
            return [];
        int[] alone = tokenizer.Encode(word);
        return alone.Length > 0 && tokenizer.IsAdded(alone[0]) ? alone : tokenizer.Encode(" " + word);
    }

    static void RequireKnown(int[] tokens, ModelConfig config, string what)
    {
        foreach (int token in tokens)
            if (token >= config.VocabSize)
                throw new UserException(
                    $"{what} has token {token}, outside the model's vocabulary of {config.VocabSize}");
    }

    // Tokens are runs of UTF-8 bytes, so a token belongs to the entity if their byte ranges overlap.
    static Range EntitySpan(PromptPair pair, ByteBpeTokenizer tokenizer, int[] prompt, int first)
    {
        string entity = pair.ObscureEntity.Trim();
        int at = entity.Length == 0 ? -1 : pair.Obscure.IndexOf(entity, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return 0..0;
        int begin = Encoding.UTF8.GetByteCount(pair.Obscure.AsSpan(0, at));
        int end = begin + Encoding.UTF8.GetByteCount(pair.Obscure.AsSpan(at, entity.Length));
        int position = 0, from = -1, to = -1;
        for (int t = first; t < prompt.Length; t++)
        {
            int next = position + tokenizer.DecodeBytes([prompt[t]]).Length;
            if (next > begin && position < end)
                (from, to) = (from < 0 ? t : from, t + 1);
            position = next;
        }
        return from..to;
    }
}
