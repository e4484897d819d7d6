using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Random tokens that are said twice: r r, with the begin-of-text token before them if there is to be one.
/// The second half can be predicted by induction alone (Olsson et al. 2022, arXiv 2209.11895).
/// </summary>
public static class RepeatedTokens
{
    const int MostTokens = 1 << 26; // 256 MiB of ids; a run over them takes days

    /// <summary>Draws windows; a seed gives the same ones on every machine.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="length">Number of tokens of r, each another one; at least 1.</param>
    /// <param name="sequences">Number of windows, at least 1.</param>
    /// <param name="bos">Token before each; null for none. It is not drawn.</param>
    /// <param name="vocabulary">Ids below this are drawn.</param>
    /// <param name="seed">Seed.</param>
    /// <exception cref="UserException">A number is out of range.</exception>
    public static IReadOnlyList<int[]> Draw(
        ModelConfig config, int length, int sequences, int? bos, int vocabulary, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(config);
        int before = bos is null ? 0 : 1, longest = (config.ContextLength - before) / 2;
        if (length < 1 || length > longest)
            throw new UserException($"{length} random tokens, said twice, are "
                + $"{Counted.Of(2L * length + before, "token")}{(bos is null ? "" : " with the first")}; "
                + $"expected 1 to {longest}, so that they fit the context of {config.ContextLength}");
        int[] ids = [.. Enumerable.Range(0, Math.Min(vocabulary, config.VocabSize)).Where(id => id != bos)];
        if (length > ids.Length)
            throw new UserException($"{length} random tokens, each another one; the vocabulary has "
                + $"{ids.Length}");
        if (sequences < 1)
            throw new UserException($"{sequences} sequences of random tokens; expected at least 1");
        int tokens = 2 * length + before;
        if (sequences > MostTokens / tokens)
            throw new UserException($"{sequences} sequences of {Counted.Of(tokens, "token")}; expected at "
                + $"most {MostTokens / tokens}, which all windows at once have room for");
        return [.. Enumerable.Range(0, sequences).Select(i =>
        {
            int[] drawn = [.. ids];
            var random = new SeededRandom(seed, (ulong)i);
            for (int t = 0; t < length; t++) // the beginning of a shuffle
            {
                int from = t + random.Next(drawn.Length - t);
                (drawn[t], drawn[from]) = (drawn[from], drawn[t]);
            }
            int[] once = drawn[..length];
            return (int[])[.. bos is { } token ? (int[])[token] : [], .. once, .. once];
        })];
    }
}
