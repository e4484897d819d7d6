using BenchmarkDotNet.Attributes;
using HeadTap.Atlas;
using HeadTap.Models;

namespace HeadTap.Bench;

/// <summary>Encoding and decoding the first documents of the atlas text, 128 Ki characters.</summary>
public class TokenizerBench
{
    ByteBpeTokenizer _tokenizer = null!;
    string _text = "";
    int[] _ids = [];

    [GlobalSetup]
    public void Learn()
    {
        IReadOnlyList<string> documents = new AtlasCorpus(AtlasFacts.Shipped, seed: 1).Documents;
        _tokenizer =
            new ByteBpeTokenizer(BpeTrainer.Train(documents.Take(500), 1500, [BpeVocabulary.EndOfText]));
        _text = string.Join('\n', documents)[..(128 << 10)];
        _ids = _tokenizer.Encode(_text);
        if (_tokenizer.Decode(_ids) != _text)
            throw new InvalidOperationException("the text does not come back");
    }

    [Benchmark]
    public int[] Encode() => _tokenizer.Encode(_text);

    [Benchmark]
    public string Decode() => _tokenizer.Decode(_ids);
}

/// <summary>The vocabulary of weights/atlas from its text, 0.97 million characters.</summary>
public class BpeTrainerBench
{
    IReadOnlyList<string> _documents = [];

    [GlobalSetup]
    public void Write() => _documents = new AtlasCorpus(AtlasFacts.Shipped, seed: 1).Documents;

    [Benchmark]
    public BpeVocabulary Train()
        => BpeTrainer.Train(_documents, 4096, [BpeVocabulary.EndOfText], minimumCount: 9);
}
