using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Forward passes of one new token a row, over a key/value cache.</summary>
sealed class CachedDecoder : IDisposable
{
    readonly LanguageModel _model;
    readonly TensorArena _arena;
    readonly PassContext _pass;
    readonly SiteRecorder _sites;
    readonly DecoderActivations _activations;
    readonly DecoderForward _forward;
    readonly DecoderHead _head;
    readonly int _capacity;

    internal CachedDecoder(LanguageModel model, KeyValueCache cache, int B, IReadOnlyList<Site> record)
    {
        (_model, _capacity) = (model, cache.Capacity);
        // Attention over the cache makes no scores to record.
        _pass = new PassContext(model, record.Where(s => s.Kind != SiteKind.Scores), []);
        _sites = _pass.Sites;
        long floats = TensorArena.Measure(model.Device, arena => Cut(arena, B, out _, out _));
        _arena = new TensorArena(model.Device, floats, "activations of one token");
        Cut(_arena, B, out _activations, out Tensor logits);
        Logits = logits;
        _forward = new DecoderForward(
            model, _activations, _pass, new CachedAttention(model, _pass, cache));
        _head = new DecoderHead(model);
    }

    /// <summary>[B, V]</summary>
    internal Tensor Logits { get; }

    internal IReadOnlyDictionary<Site, Recording> Recordings => _sites.Recordings;

    /// <summary>
    /// Runs the last token of each row; <paramref name="lengths"/> counts it, and is 0 for an ended row.
    /// </summary>
    internal void Forward(int[] tokens, int[] lengths, int step)
    {
        int[] positions = [.. lengths.Select(n => n - 1)];
        _activations.Tokens.Upload(tokens);
        _activations.Positions.Upload(positions);
        _activations.Lengths.Upload(positions);
        _pass.Begin(new BatchShape(tokens.Length, 1, lengths, step, _capacity));
        _forward.Run();
        _head.Logits(_activations.LnFinal, Logits);
        _sites.At(SiteKind.Logits, 0, Logits);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _arena.Dispose();
    }

    void Cut(TensorArena arena, int B, out DecoderActivations activations, out Tensor logits)
    {
        activations = new DecoderActivations(arena, _model.Config, B, 1, false, _sites.Recorded);
        _sites.CutCopies(arena, B, 1, _capacity, SiteRecorder.NeedsCopy);
        logits = arena.Cut("logits", B, _model.Config.VocabSize);
    }
}
