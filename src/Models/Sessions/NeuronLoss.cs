using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The next-token loss at a position of a text, as a function of one layer's neurons at that position alone:
/// its value and its gradient, for many positions and many values of the neurons at once.
/// </summary>
/// <remarks>
/// Attention is causal, so nothing before the position changes: the text is run once, and a trial is one
/// token that attends to the text's keys and values from the layer up. A text of T tokens costs its own pass
/// and so many single tokens, not so many texts.
/// </remarks>
public sealed class NeuronLoss : IDisposable
{
    static readonly HashSet<string> NoParameters = [];

    readonly LanguageModel _model;
    readonly TensorArena _lasting, _arena;
    readonly PassContext _trialPass; // records nothing; no edit is in force
    readonly KeyValueCache _cache;
    readonly ParameterGradients _none;
    readonly ModelSession _text;
    int[] _tokens = [];
    Trials? _trials;

    /// <summary>Room for texts and trials up to a size.</summary>
    /// <param name="model">The model; no edits may be attached to it.</param>
    /// <param name="maxTrials">Most trials of a <see cref="Run"/>.</param>
    /// <param name="maxTokens">Most tokens of a text.</param>
    /// <exception cref="UserException">It does not fit the device, or the context is shorter.</exception>
    public NeuronLoss(LanguageModel model, int maxTrials, int maxTokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTrials);
        (_model, MaxTrials, _trialPass) = (model, maxTrials, new PassContext(model, [], []));
        var options = new SessionOptions
        {
            MaxTokens = maxTokens,
            Record = [.. Enumerable.Range(0, model.Config.Layers).SelectMany(l =>
                (Site[])[Site.ResidMid(l), Site.MlpPost(l)])],
        };
        options.RequireFits(model.Config);
        _lasting = new TensorArena(model.Device,
            TensorArena.Measure(model.Device, arena => Cut(arena, maxTokens)), "keys and values of a text");
        (_cache, _none) = Cut(_lasting, maxTokens);
        _arena = new TensorArena(model.Device,
            TensorArena.Measure(model.Device,
                arena => _ = new Trials(arena, model, maxTrials, _trialPass, _cache)),
            "activations of single tokens");
        _text = new ModelSession(model, options, _cache);
    }

    /// <summary>Most trials of a <see cref="Run"/>.</summary>
    public int MaxTrials { get; }

    /// <summary>Runs a text; everything else is about it until the next.</summary>
    /// <param name="tokens">Its ids, at least one.</param>
    /// <exception cref="InvalidOperationException">An edit is attached to the model.</exception>
    /// <exception cref="UserException">The text is empty or too long, or a token is outside the
    /// vocabulary.</exception>
    public void Begin(int[] tokens)
    {
        RequireUnedited();
        _text.Forward(new SequenceBatch([tokens]));
        _tokens = tokens;
    }

    /// <summary>A layer's neurons in the text as it is, after the nonlinearity: [T, I].</summary>
    public float[] Neurons(int layer) => Recorded(SiteKind.MlpPost, layer).ToArray();

    /// <summary>
    /// The loss of each trial in nats, [N], and its gradient by the trial's neurons, [N, I].
    /// </summary>
    /// <param name="layer">The block of the neurons, from 0.</param>
    /// <param name="positions">[N], each in [0, T): the position of each trial's neurons.</param>
    /// <param name="targets">[N]: the next token whose cross-entropy is the loss.</param>
    /// <param name="neurons">[N, I]: the neurons' values, after the nonlinearity.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, there are more trials than there is room for,
    /// or a position, target or layer does not exist.</exception>
    /// <exception cref="InvalidOperationException">An edit is attached, or no text has been run.</exception>
    public (float[] Losses, float[] Gradient) Run(
        int layer, ReadOnlySpan<int> positions, ReadOnlySpan<int> targets, ReadOnlySpan<float> neurons)
    {
        RequireUnedited();
        Require(layer, positions, targets, neurons);
        if (_trials is null || _trials.N != positions.Length)
        {
            _arena.Reset();
            _trials = new Trials(_arena, _model, positions.Length, _trialPass, _cache);
        }
        Tensor stream = Recorded(SiteKind.ResidMid, layer).Tensor!;
        return _trials.Run(_model, layer, positions, targets, neurons,
            stream.Reshape(_tokens.Length, _model.Config.Width), _none);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _text.Dispose();
        _trialPass.Dispose();
        _arena.Dispose();
        _lasting.Dispose();
    }

    (KeyValueCache, ParameterGradients) Cut(TensorArena arena, int maxTokens) =>
        (new KeyValueCache(arena, _model.Ops, _model.Config, 1, maxTokens),
            new ParameterGradients(arena, _model.Parameters, NoParameters));

    Recording Recorded(SiteKind kind, int layer)
    {
        if (_tokens.Length == 0)
            throw new InvalidOperationException("No text has been run.");
        return _text.Recordings.TryGetValue(new Site(kind, layer), out Recording? recording) ? recording
            : throw new ArgumentException(
                $"Layer {layer} does not exist; there are {_model.Config.Layers}.");
    }

    void RequireUnedited()
    {
        if (_model.Edits.Count > 0)
            throw new InvalidOperationException(
                "An edit is attached to the model; single tokens are run without edits.");
    }

    void Require(
        int layer, ReadOnlySpan<int> positions, ReadOnlySpan<int> targets, ReadOnlySpan<float> neurons)
    {
        int N = positions.Length, I = _model.Config.Inner, V = _model.Config.VocabSize;
        _ = Recorded(SiteKind.MlpPost, layer);
        if (N == 0 || N > MaxTrials)
            throw new ArgumentException($"{N} trials; expected 1 to {MaxTrials}.");
        if (targets.Length != N || neurons.Length != (long)N * I)
            throw new ArgumentException(
                $"{targets.Length} targets and {neurons.Length} values for {N} trials of {I} neurons.");
        for (int n = 0; n < N; n++)
        {
            if (positions[n] < 0 || positions[n] >= _tokens.Length)
                throw new ArgumentException(
                    $"Position {positions[n]} does not exist; the text has {_tokens.Length} tokens.");
            if (targets[n] < 0 || targets[n] >= V)
                throw new ArgumentException($"Target {targets[n]} is outside the vocabulary of {V}.");
        }
    }

    // Everything of one number of trials: rows of one token each.
    sealed class Trials
    {
        readonly DecoderActivations _a;
        readonly BackwardMemory _d;
        readonly DecoderHead _head;
        readonly IndexTensor _targets;
        readonly Tensor _losses, _logits;
        readonly DecoderForward _forward;
        readonly DecoderBackward _backward;

        internal Trials(
            TensorArena arena, LanguageModel model, int N, PassContext pass, KeyValueCache cache)
        {
            this.N = N;
            _a = new DecoderActivations(arena, model.Config, N, 1, keep: true, new HashSet<Site>());
            _d = new BackwardMemory(arena, model.Config, N, 1);
            _head = new DecoderHead(model);
            _targets = arena.CutIndices("targets", N);
            _losses = arena.Cut("losses", N);
            _logits = arena.Cut(
                "logits of a chunk", DecoderHead.ChunkRows(model.Config, N), model.Config.VocabSize);
            var attention = new PrefixAttention(model, pass, cache);
            _forward = new DecoderForward(model, _a, pass, attention);
            _backward = new DecoderBackward(model, _a, pass, attention, _d);
        }

        internal int N { get; }

        internal (float[] Losses, float[] Gradient) Run(LanguageModel model, int layer,
            ReadOnlySpan<int> positions, ReadOnlySpan<int> targets, ReadOnlySpan<float> neurons,
            Tensor stream, ParameterGradients none)
        {
            _a.Lengths.Upload(positions);
            _a.Positions.Upload(positions);
            _targets.Upload(targets);
            _a.MlpPost[layer].Upload(neurons);
            model.Ops.Gather(_a.Lengths, stream, _a.ResidMid[layer]);
            _forward.RunFromNeurons(layer);
            _head.Loss(_a.LnFinal, _targets, _losses, _logits, _d.LnFinal, new LossGradient(none, 1f));
            _backward.RunToNeurons(layer, none);
            return (_losses.ToArray(), _d.Mlp.ToArray());
        }
    }
}
