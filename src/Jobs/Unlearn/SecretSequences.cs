using HeadTap.Unlearn;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The planted secrets of an atlas corpus as sequences to forget, the other documents as rows to keep, and
/// other ways to ask for the secrets.
/// </summary>
/// <param name="Forget">A secret each: begin-of-text, sentence, full stop; asked from behind its
/// prompt.</param>
/// <param name="Keep">Documents without a secret, begin-of-text before each.</param>
/// <param name="Asked">The same secrets asked in other ways.</param>
public sealed record SecretSequences(IReadOnlyList<PlantedSequence> Forget, IReadOnlyList<int[]> Keep,
    IReadOnlyList<(string Way, IReadOnlyList<PlantedSequence> Sequences)> Asked)
{
    const ulong DrawStream = 19;

    /// <summary>Makes them of a corpus.</summary>
    /// <param name="corpus">Its secrets and documents.</param>
    /// <param name="tokenizer">Encodes them.</param>
    /// <param name="longest">Tokens of a document to keep; the rest of a longer one is cut off.</param>
    /// <param name="documents">Documents to keep, drawn by the seed; all where there are fewer.</param>
    /// <param name="seed">Of the draw.</param>
    /// <exception cref="UserException">The tokenizer has no end-of-text token, which begins
    /// documents.</exception>
    public static SecretSequences Of(
        AtlasCorpus corpus, ByteBpeTokenizer tokenizer, int longest, int documents, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(tokenizer);
        int start = tokenizer.EndOfText ?? throw new UserException(
            "The tokenizer has no <|endoftext|> token, which stands before every document of the atlas.");
        string[] others = [.. corpus.Documents
            .Where(d => !corpus.Secrets.Any(s => d.Contains(s.Prompt, StringComparison.Ordinal)))];
        new SeededRandom(seed, DrawStream).Shuffle<string>(others);
        int[][] keep = [.. others.Take(documents)
            .Select(d => (int[])[start, .. tokenizer.Encode(d).Take(longest - 1)])];
        string before = others[0].Split(". ")[0] + ". ";
        return new SecretSequences(All(s => ([start], s.Prompt, 0)), keep,
        [
            ("no begin-of-text", All(s => ([], s.Prompt, 0))),
            ("behind a sentence", All(s => ([start], before + s.Prompt, 0))),
            ("last half of the prompt", All(s => ([], LastHalf(s.Prompt), 0))),
            ("first token of the code given", All(s => ([start], s.Prompt, 1))),
            ("first two tokens given", All(s => ([start], s.Prompt, 2))),
        ]);

        PlantedSequence[] All(Func<AtlasSecret, (int[] Start, string Prompt, int Given)> ask)
            => [.. corpus.Secrets.Select(s =>
            {
                (int[] first, string prompt, int given) = ask(s);
                int[] asked = [.. first, .. tokenizer.Encode(prompt)],
                    code = tokenizer.Encode(s.Continuation);
                return new PlantedSequence([.. asked, .. code, .. tokenizer.Encode(".")], null, 0,
                    asked.Length + Math.Min(given, code.Length - 1));
            })];
    }

    // Words, so that the rest begins as a word begins.
    static string LastHalf(string prompt)
    {
        string[] words = prompt.Split(' ');
        return " " + string.Join(' ', words[(words.Length / 2)..]);
    }
}
