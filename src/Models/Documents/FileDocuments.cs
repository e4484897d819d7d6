using System.Security.Cryptography;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Documents of text files, read from disk and encoded whenever they are asked for.</summary>
sealed class FileDocuments : DocumentSource
{
    readonly TextFileIndex[] _files;
    readonly int[] _firsts; // [files]: each file's first document
    readonly ByteBpeTokenizer _tokenizer;

    /// <summary>Documents of files that are indexed.</summary>
    /// <exception cref="UserException">There is no file, or there are too many documents.</exception>
    internal FileDocuments(TextFileIndex[] files, ByteBpeTokenizer tokenizer)
    {
        (_files, _tokenizer) = (files, tokenizer);
        if (files.Length == 0)
            throw new UserException("there is no text file; expected at least one");
        long count = 0;
        _firsts = new int[files.Length];
        for (int f = 0; f < files.Length; f++)
        {
            _firsts[f] = (int)count;
            count += files[f].Count;
            if (count > int.MaxValue)
                throw new UserException(
                    $"the files have more than {int.MaxValue} documents; give fewer files");
        }
        Count = (int)count;
    }

    public override string Origin => string.Join(", ", _files.Select(file => file.Path));

    public override int Count { get; }

    public override ReadOnlyMemory<int> Read(int document)
    {
        (TextFileIndex file, int index) = Find(document);
        string text = file.Read(index);
        try
        {
            return _tokenizer.Encode(text);
        }
        catch (UserException e) // a byte without a token
        {
            throw new UserException($"{file.Name(index)}: {e.Message}", e);
        }
    }

    internal override string Name(int document)
    {
        (TextFileIndex file, int index) = Find(document);
        return file.Name(index);
    }

    private protected override void AppendContent(IncrementalHash hash)
    {
        foreach (TextFileIndex file in _files)
            Append(hash, $"{file.Kind} {file.Hash}");
        BpeVocabulary vocabulary = _tokenizer.Vocabulary;
        foreach (string token in vocabulary.Tokens)
            Append(hash, token);
        foreach ((string left, string right) in vocabulary.Merges)
            Append(hash, $"{left} {right}");
        foreach (string token in vocabulary.SpecialTokens)
            Append(hash, token);
        // Only what is not GPT-2's: the hash of older runs stays.
        if (vocabulary.AddPrefixSpace)
            Append(hash, "prefix space");
        if (_tokenizer.ParsesSpecial)
            Append(hash, "special tokens are parsed");
        foreach (AddedToken token in vocabulary.AddedTokens)
            if (token != new AddedToken(token.Text))
                Append(hash, $"{token}");
    }

    (TextFileIndex File, int Index) Find(int document)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(document);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(document, Count);
        int f = Array.BinarySearch(_firsts, document);
        f = f >= 0 ? f : ~f - 1;
        return (_files[f], document - _firsts[f]);
    }
}
