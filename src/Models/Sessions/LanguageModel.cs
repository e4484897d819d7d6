using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A model on a device: its sizes, its weights, the ops that run it and the edits attached to it.
/// </summary>
public sealed class LanguageModel : IDisposable
{
    readonly TensorArena _arena;
    readonly List<Edit> _edits = [];
    int? _begin;

    /// <summary>A model with all weights zero.</summary>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public LanguageModel(ComputeDevice device, ModelConfig config)
    {
        Parameters = new ParameterLayout(config);
        Ops = new Ops(device);
        float[] rotary = config.RotaryNumbers == 0 ? [] : RotaryFrequencies.Table(config);
        _arena = new TensorArena(device, Parameters.TotalLength + rotary.Length + 64, "the model's weights");
        Set = new FlatParameters(_arena, Parameters);
        if (rotary.Length > 0)
            RotaryTable = _arena.Upload("cosines and sines of positions", rotary,
                config.ContextLength, config.RotaryNumbers);
        Weights = new NamedWeights<Tensor>(Parameters, name => Set[name]);
    }

    /// <summary>[context, m]: what queries and keys are turned by; null where positions do not turn
    /// them.</summary>
    internal Tensor? RotaryTable { get; }

    /// <summary>The sizes.</summary>
    public ModelConfig Config => Parameters.Config;

    /// <summary>The table of parameters.</summary>
    public ParameterLayout Parameters { get; }

    /// <summary>Where it runs.</summary>
    public ComputeDevice Device => Ops.Device;

    /// <summary>What runs it.</summary>
    public Ops Ops { get; }

    /// <summary>The weights by role or by checkpoint name.</summary>
    public FlatParameters Set { get; }

    /// <summary>The weights as properties.</summary>
    public NamedWeights<Tensor> Weights { get; }

    /// <summary>
    /// Whether a pass whose logits are not finite is refused in a line that names the first site that is not.
    /// True in a model that was read from a folder; in one made in memory numbers may be anything.
    /// </summary>
    public bool RequiresFinite { get; set; }

    /// <summary>Which weights of the folder are NaN or infinite, in one line; null if none is or nobody
    /// looked.</summary>
    public string? NonfiniteWeights { get; private set; }

    /// <summary>
    /// The token that begins a text; the config's unless set, because the tokenizer's files may name another
    /// (<see cref="Models.BeginOfText"/>).
    /// </summary>
    public int? BeginOfText
    {
        get => _begin ?? Config.BosToken;
        set => _begin = value;
    }

    /// <summary>Edits in force, in the order in which they were attached.</summary>
    public IReadOnlyList<Edit> Edits => _edits;

    /// <summary>Reads a Hugging Face folder.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="allowNonfinite">Whether NaN and infinity are taken as they are, in the weights and in
    /// what is computed, for people who hunt them; else they are refused.</param>
    /// <exception cref="UserException">A file is missing, damaged or of no known architecture, a weight is
    /// not
    /// finite, or the model does not fit.</exception>
    public static LanguageModel Load(ComputeDevice device, string folder, bool allowNonfinite = false)
        => Load(device, folder, Architecture.Known, allowNonfinite);

    internal static LanguageModel Load(ComputeDevice device, string folder,
        IReadOnlyList<Architecture> known, bool allowNonfinite = false)
    {
        var model = new LanguageModel(device, ModelFolder.ReadConfig(folder, known))
        {
            RequiresFinite = !allowNonfinite,
        };
        try
        {
            ModelFolder.ReadPieces(folder, model.Config, (slice, start, values) =>
                model.Set[slice.Name].Slice(slice.Name, start, values.Length).Upload(values),
                allowNonfinite ? line => model.NonfiniteWeights = line : null);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes a Hugging Face folder: <c>config.json</c> and <c>model.safetensors</c>.</summary>
    /// <param name="folder">Made when missing.</param>
    /// <param name="tokenizerFrom">A folder whose tokenizer files are copied along, or null.</param>
    /// <exception cref="UserException">It cannot be written; nothing half-written is left.</exception>
    public void Save(string folder, string? tokenizerFrom = null)
        => ModelFolder.Write(folder, Config, (slice, start, values) =>
            Set[slice.Name].Slice(slice.Name, start, values.Length).Download(values),
            tokenizerFrom: tokenizerFrom);

    /// <summary>
    /// Random weights as GPT-2's: normal with deviation 0.02, the projections into the residual stream
    /// divided by sqrt(2L); LayerNorm gains 1; biases 0 (Radford et al. 2019, section 2.3).
    /// </summary>
    /// <param name="seed">Seeds every parameter's draws.</param>
    /// <param name="deviation">Standard deviation of matrices that do not write to the stream.</param>
    public void Initialize(ulong seed, float deviation = 0.02f)
    {
        foreach (ParameterSlice slice in Parameters.Slices)
        {
            float[] values = new float[slice.Length];
            if (slice.Shape.Length == 2)
            {
                // One stream a parameter: the values do not depend on which others there are.
                var random = new SeededRandom(seed, (ulong)slice.Offset);
                random.FillNormal(values,
                    deviation / (slice.Role.WritesToStream() ? MathF.Sqrt(2 * Config.Layers) : 1f));
            }
            else if (slice.Role.IsNormGain())
                Array.Fill(values, 1f);
            Set[slice.Name].Upload(values);
        }
    }

    /// <summary>
    /// Puts edits in force until the returned scope is disposed; afterwards the model gives the bits it gave
    /// before. Scopes nest; edits at one site are applied in the order of attachment.
    /// </summary>
    /// <exception cref="UserException">An edit does not fit this model; then none is attached.</exception>
    public IDisposable Attach(params IEnumerable<Edit> edits)
    {
        Edit[] list = [.. edits];
        foreach (Edit edit in list)
            edit.Validate(Config);
        _edits.AddRange(list);
        return new Attachment(this, list);
    }

    /// <summary>Whether an edit is in force.</summary>
    internal bool HasEdits => _edits.Count > 0;

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    sealed class Attachment(LanguageModel model, Edit[] edits) : IDisposable
    {
        Edit[] _attached = edits;

        public void Dispose()
        {
            foreach (Edit edit in _attached)
                model._edits.RemoveAt(model._edits.FindLastIndex(e => ReferenceEquals(e, edit)));
            _attached = [];
        }
    }
}
