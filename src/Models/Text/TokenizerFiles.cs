using System.Text;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Reads a byte-level BPE vocabulary from the three sets of files in which GPT-2 models carry it.
/// </summary>
static class TokenizerFiles
{
    const int LargestBytes = 64 << 20; // GPT-2's tokenizer.json has 2 MB

    static readonly (string Vocabulary, string Merges)[] Pairs =
        [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    static readonly (string File, string Kind)[] s_others =
        [("spiece.model", "a SentencePiece tokenizer"), ("tokenizer.model", "a SentencePiece tokenizer"),
            ("sentencepiece.bpe.model", "a SentencePiece tokenizer"), ("vocab.txt", "a WordPiece tokenizer")];

    internal static bool ExistIn(string folder) =>
        Has(folder, Pairs[0]) || File.Exists(Path.Combine(folder, "tokenizer.json")) || Has(folder, Pairs[1]);

    /// <exception cref="UserException">A file is missing or wrong; the line names it.</exception>
    internal static BpeVocabulary Read(string folder)
    {
        string single = Path.Combine(folder, "tokenizer.json");
        if (File.Exists(single)) // before the pair, which may lack the added tokens, as Transformers reads it
            return TokenizerJson.Read(single, TokenizerConfig.Read(folder));
        foreach ((string Vocabulary, string Merges) pair in Pairs)
            if (Has(folder, pair))
                return ReadPair(folder, pair, TokenizerConfig.Read(folder));

        foreach ((string vocabulary, string merges) in Pairs)
        {
            bool hasVocabulary = File.Exists(Path.Combine(folder, vocabulary));
            (string there, string missing) = hasVocabulary ? (vocabulary, merges) : (merges, vocabulary);
            if (File.Exists(Path.Combine(folder, there)))
                throw new UserException($"{Quoted.Path(folder)}: {missing} is missing beside {there}; "
                    + "put it there or give token ids.");
        }
        if (!Directory.Exists(folder))
            throw new UserException($"{Quoted.Path(folder)}: no such folder; expected one with a tokenizer.");
        foreach ((string file, string kind) in s_others)
            if (File.Exists(Path.Combine(folder, file)))
                throw new UserException($"{Quoted.Path(folder)}: has only {file}, the vocabulary of {kind}, "
                    + "which is not read; give token ids.");
        throw new UserException($"{Quoted.Path(folder)}: no tokenizer; expected tokenizer.json, vocab.json "
            + "and merges.txt, or encoder.json with vocab.bpe. Without one, give token ids.");
    }

    static bool Has(string folder, (string Vocabulary, string Merges) pair) =>
        File.Exists(Path.Combine(folder, pair.Vocabulary)) && File.Exists(Path.Combine(folder, pair.Merges));

    static BpeVocabulary ReadPair(
        string folder, (string Vocabulary, string Merges) pair, TokenizerConfig config)
    {
        string vocabularyPath = Path.Combine(folder, pair.Vocabulary);
        string mergesPath = Path.Combine(folder, pair.Merges);
        config.RequireByteLevel();
        var ids = new TokenIds(vocabularyPath);
        using (JsonDocument json = InputFile.ReadJsonObject(vocabularyPath, LargestBytes))
            ids.AddAll(json.RootElement);
        config.AddTo(ids);
        return ids.Vocabulary(ReadMerges(mergesPath), mergesPath, config);
    }

    // Not File.ReadLines: a broken byte would become U+FFFD silently.
    static (string, string)[] ReadMerges(string path)
    {
        byte[] bytes = InputFile.ReadAll(path, LargestBytes);
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new UserException($"{Quoted.Path(path)}: byte {e.Index} is not UTF-8.", e);
        }

        var merges = new List<(string, string)>();
        int number = 0;
        foreach (ReadOnlySpan<char> raw in text.AsSpan().EnumerateLines())
        {
            number++;
            ReadOnlySpan<char> line = raw.TrimEnd();
            // A comment wherever it stands, as Hugging Face's reader has it; "# #" is a merge.
            if (line.IsEmpty || line.StartsWith("#version"))
                continue;
            int space = line.IndexOf(' ');
            if (space <= 0 || space != line.LastIndexOf(' '))
                throw new UserException($"{Quoted.Path(path)}: line {number} is "
                    + $"{Quoted.Name(line.ToString())}; expected two tokens with one space between them.");
            merges.Add((line[..space].ToString(), line[(space + 1)..].ToString()));
        }
        return [.. merges];
    }
}
