using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>One model's side of a generation: the prompts, then a token a row, over a key/value
/// cache.</summary>
sealed class CachedStream : IDisposable
{
    readonly LanguageModel _model;
    readonly TensorArena _arena;
    readonly KeyValueCache _cache;
    readonly IReadOnlyList<Site> _record;
    readonly int _rows;
    ModelSession? _prompts;
    CachedDecoder? _decoder;

    internal CachedStream(LanguageModel model, int B, int capacity, IReadOnlyList<Site> record)
    {
        (_model, _rows, _record) = (model, B, record);
        long floats = TensorArena.Measure(model.Device,
            a => _ = new KeyValueCache(a, model.Ops, model.Config, B, capacity));
        _arena = new TensorArena(model.Device, floats, "the key/value cache");
        _cache = new KeyValueCache(_arena, model.Ops, model.Config, B, capacity);
    }

    /// <summary>Runs the prompts: [B, V] logits of each row's last token, until the first
    /// <see cref="Next"/>.</summary>
    internal (Tensor Logits, IReadOnlyDictionary<Site, Recording> Recordings) First(SequenceBatch prompts)
    {
        _prompts = new ModelSession(_model, new SessionOptions
        {
            MaxRows = prompts.B, MaxTokens = prompts.T, Logits = LogitsAt.Last, Record = _record,
        }, _cache);
        _prompts.Forward(prompts);
        return (_prompts.Logits, _prompts.Recordings);
    }

    /// <summary>Runs the last token of each row: [B, V].</summary>
    internal (Tensor Logits, IReadOnlyDictionary<Site, Recording> Recordings) Next(
        GeneratedTexts texts, int step, int[] prompts)
    {
        if (_prompts is not null)
        {
            _prompts.Dispose();
            _prompts = null;
        }
        _decoder ??= new CachedDecoder(_model, _cache, _rows, _record);
        SequenceBatch run = texts.Run();
        _decoder.Forward(texts.LastTokens, texts.Lengths, step);
        texts.RequireFinite(_model, _decoder.Logits, run, step, prompts);
        return (_decoder.Logits, _decoder.Recordings);
    }

    public void Dispose()
    {
        _prompts?.Dispose();
        _decoder?.Dispose();
        _arena.Dispose();
    }
}
