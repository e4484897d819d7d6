using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Many passes over one text that differ from it from some position on: the stream into a block is given from
/// there, and only these tokens run. Attention is causal, so the tokens before have the text's keys and
/// values. On the host a suffix has the bits of a whole pass.
/// </summary>
public sealed class SuffixSession : IDisposable
{
    readonly LanguageModel _model;
    readonly PassContext _pass; // records nothing; no edit is in force
    readonly TensorArena _lasting, _arena;
    readonly Tensor[] _kept; // [L] of [most tokens, 3C]
    readonly IndexTensor? _places; // [most tokens]: 0, 1, ...; null where positions turn nothing
    Tensor[] _text = [];
    Suffixes? _suffixes;

    /// <summary>Room for texts and suffixes up to a size.</summary>
    /// <param name="model">The model; no edits may be attached during a pass.</param>
    /// <param name="maxTokens">Most tokens of a text.</param>
    /// <param name="maxRows">Most suffixes of a pass.</param>
    /// <param name="maxSuffixTokens">Most tokens of all suffixes of a pass.</param>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public SuffixSession(LanguageModel model, int maxTokens, int maxRows, int maxSuffixTokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        new SessionOptions { MaxTokens = maxTokens, MaxRows = maxRows }.RequireFits(model.Config);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxSuffixTokens);
        (_model, _pass) = (model, new PassContext(model, [], []));
        (MaxRows, MaxSuffixTokens) = (maxRows, maxSuffixTokens);
        Tensor[] Keep(TensorArena arena) => [.. Enumerable.Range(0, model.Config.Layers)
            .Select(l => arena.Cut($"keys and values of block {l}", maxTokens, 3 * model.Config.Width))];
        IndexTensor? Places(TensorArena arena)
            => model.RotaryTable is null ? null : arena.CutIndices("positions", maxTokens);
        long kept = TensorArena.Measure(model.Device, arena =>
        {
            Keep(arena);
            Places(arena);
        });
        long run = TensorArena.Measure(model.Device, arena => _ = new Suffixes(
            arena, model, _pass, Keep(arena), maxRows, maxSuffixTokens));
        _lasting = new TensorArena(model.Device, kept, "keys and values of a text");
        _kept = Keep(_lasting);
        _places = Places(_lasting);
        _places?.Upload([.. Enumerable.Range(0, maxTokens)]);
        try
        {
            _arena = new TensorArena(model.Device, run, "activations of suffixes");
        }
        catch (UserException)
        {
            _lasting.Dispose();
            throw;
        }
    }

    /// <summary>Most suffixes of a pass.</summary>
    public int MaxRows { get; }

    /// <summary>Most tokens of all suffixes of a pass.</summary>
    public int MaxSuffixTokens { get; }

    /// <summary>Takes a text; all passes are about it until the next.</summary>
    /// <param name="recordings">Of a pass of one row: K and V of every block.</param>
    public void Begin(IReadOnlyDictionary<Site, Recording> recordings)
    {
        ArgumentNullException.ThrowIfNull(recordings);
        int C = _model.Config.Width, T = recordings[Site.K(0)].Shape[1];
        _text = [.. _kept.Select(kept => kept.SliceRows(0, T))];
        float[] rows = new float[T * 3 * C];
        for (int l = 0; l < _text.Length; l++)
        {
            float[] keys = recordings[Site.K(l)].ToArray(), values = recordings[Site.V(l)].ToArray();
            for (int t = 0; t < T; t++)
            {
                keys.AsSpan(t * C, C).CopyTo(rows.AsSpan(t * 3 * C + C));
                values.AsSpan(t * C, C).CopyTo(rows.AsSpan(t * 3 * C + 2 * C));
            }
            _text[l].Upload(rows);
            // Keys are recorded before their positions turn them.
            if (_model.RotaryTable is { } table)
                _model.Ops.Rotary(_text[l], _places!.Slice("positions", 0, T), table, _model.Config.Heads);
        }
        _suffixes = null;
    }

    /// <summary>The logits of the text's last token, [B, V], in each of the passes.</summary>
    /// <param name="layer">The block whose stream is given, from 0.</param>
    /// <param name="starts">[B]: the first position of each suffix.</param>
    /// <param name="streams">[N, C]: hook_resid_pre of the block from each suffix's start to the text's end,
    /// below each other.</param>
    /// <exception cref="ArgumentException">Sizes do not fit, or a place does not exist.</exception>
    /// <exception cref="InvalidOperationException">No text was taken, or an edit is attached.</exception>
    /// <exception cref="UserException">A stream or a logit overflows float32.</exception>
    public float[] Logits(int layer, ReadOnlySpan<int> starts, ReadOnlySpan<float> streams)
    {
        int N = Require(layer, starts, streams.Length);
        if (_suffixes is null || _suffixes.B != starts.Length || _suffixes.N != N)
        {
            _arena.Reset();
            _suffixes = new Suffixes(_arena, _model, _pass, _text, starts.Length, N);
        }
        float[] logits = _suffixes.Run(layer, starts, streams);
        if (_model.RequiresFinite
            && (Array.Exists(logits, z => !float.IsFinite(z)) || _suffixes.Overflows))
            throw new UserException("the logits are not finite: the edited pass overflows float32");
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _arena.Dispose();
        _lasting.Dispose();
    }

    int Require(int layer, ReadOnlySpan<int> starts, int floats)
    {
        if (_text.Length == 0)
            throw new InvalidOperationException("No text was taken.");
        if (_model.Edits.Count > 0)
            throw new InvalidOperationException("An edit is attached; suffixes run without edits.");
        if (layer < 0 || layer >= _model.Config.Layers)
            throw new ArgumentException(
                $"Layer {layer} does not exist; there are {_model.Config.Layers}.", nameof(layer));
        int N = 0, T = _text[0].Rows;
        foreach (int start in starts)
        {
            if (start < 0 || start >= T)
                throw new ArgumentException($"Position {start} does not exist; the text has {T} tokens.");
            N += T - start;
        }
        if (starts.Length == 0 || starts.Length > MaxRows || N > MaxSuffixTokens)
            throw new ArgumentException($"{starts.Length} suffixes of {N} tokens; expected 1 to {MaxRows} of "
                + $"{MaxSuffixTokens} tokens at most.");
        return floats == (long)N * _model.Config.Width ? N : throw new ArgumentException(
            $"{floats} floats are not {N} tokens of {_model.Config.Width}.");
    }

    // Everything of one number of suffixes and tokens.
    sealed class Suffixes
    {
        readonly DecoderActivations _a;
        readonly SuffixAttention _attention;
        readonly LastTokenPass _last;
        readonly DecoderHead _head;
        readonly IndexTensor _ends;
        readonly Tensor _logits;

        internal Suffixes(
            TensorArena arena, LanguageModel model, PassContext pass, Tensor[] text, int B, int N)
        {
            (this.B, this.N) = (B, N);
            T = text[0].Rows;
            _a = new DecoderActivations(arena, model.Config, N, 1, keep: false, new HashSet<Site>());
            _attention = new SuffixAttention(model, pass, arena, text, B, N);
            _ends = arena.CutIndices("last tokens", B);
            _last = new LastTokenPass(arena, model, new DecoderForward(model, _a, pass, _attention), _a, pass,
                _attention, _ends);
            _head = new DecoderHead(model);
            _logits = arena.Cut("logits", B, model.Config.VocabSize);
        }

        internal int B { get; }

        internal int N { get; }

        internal bool Overflows => Array.Exists(_last.Rstd.ToArray(), rstd => rstd == 0);

        int T { get; }

        internal float[] Run(int layer, ReadOnlySpan<int> starts, ReadOnlySpan<float> streams)
        {
            _attention.Load(starts);
            int[] ends = new int[B];
            for (int b = 0, end = 0; b < B; b++)
                ends[b] = (end += T - starts[b]) - 1;
            _ends.Upload(ends);
            _a.Positions.Upload([.. starts.ToArray().SelectMany(start => Enumerable.Range(start,
                T - start))]);
            _a.Resid[layer].Upload(streams);
            _last.Run(new ResumePoint(layer, []));
            _head.Logits(_last.Hidden, _logits);
            return _logits.ToArray();
        }
    }
}
