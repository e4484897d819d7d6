using HeadTap.Unlearn;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The planted secrets of an atlas corpus as sequences to forget, documents without secrets as rows to keep,
/// and other prompts for the secrets.
/// </summary>
/// <param name="Forget">One sequence per secret: begin-of-text, sentence, full stop. It is asked for after
/// its prompt.</param>
/// <param name="Keep">Documents without a secret, each after begin-of-text.</param>
/// <param name="Asked">The secrets with other prompts, by way of asking.</param>
public sealed record SecretSequences(IReadOnlyList<PlantedSequence> Forget, IReadOnlyList<int[]> Keep,
    IReadOnlyList<(string Way, IReadOnlyList<PlantedSequence> Sequences)> Asked)
{
    const ulong DrawStream = 19;

    /// <summary>Makes the sequences from a corpus.</summary>
    /// <param name="corpus">Corpus with secrets and documents.</param>
    /// <param name="tokenizer">Tokenizer that encodes the texts.</param>
    /// <param name="longest">Largest number of tokens of a document to keep; longer documents are
    /// cut.</param>
    /// <param name="documents">Number of documents to keep, drawn by the seed; all if there are
    /// fewer.</param>
    /// <param name="seed">Seed of the draw.</param>
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

    // Splits at a word, so that the rest begins with a whole word.
    static string LastHalf(string prompt)
    {
        string[] words = prompt.Split(' ');
        return " " + string.Join(' ', words[(words.Length / 2)..]);
    }
}
