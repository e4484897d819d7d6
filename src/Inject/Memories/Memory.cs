using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A memory: a vector made from tokens. It is added to the output of a layer as if a head had recalled the
/// tokens (Sakarvadia et al. 2023, arXiv 2309.05605, section 4).
/// </summary>
/// <param name="Tokens">Token ids of the memory; the encoders Unembed and Embed count repeated tokens
/// once.</param>
/// <param name="Layer">Layer that receives the memory, from 0.</param>
/// <param name="Tau">Magnitude of the vector; the paper sweeps 1 to 15.</param>
public sealed record Memory(IReadOnlyList<int> Tokens, int Layer, float Tau)
{
    /// <summary>Encoder that makes a vector from the tokens.</summary>
    public MemoryEncoder Encoder { get; init; } = MemoryEncoder.Unembed;

    /// <summary>
    /// Folder of the Jacobian lens of <see cref="MemoryEncoder.Jacobian"/>; null for other encoders.
    /// </summary>
    public string? Lens { get; init; }

    /// <summary>
    /// Site of the layer that receives the memory: <see cref="SiteKind.AttnOut"/> (as in the paper),
    /// <see cref="SiteKind.Result"/> with <see cref="Head"/>, <see cref="SiteKind.MlpOut"/>,
    /// <see cref="SiteKind.ResidPre"/>, <see cref="SiteKind.ResidMid"/> or <see cref="SiteKind.ResidPost"/>.
    /// </summary>
    public SiteKind Target { get; init; } = SiteKind.AttnOut;

    /// <summary>
    /// Head whose result receives the memory. Heads are summed, so every head gives the same as the attention
    /// output.
    /// </summary>
    public int? Head { get; init; }

    /// <summary>Positions that receive the memory; the paper uses all.</summary>
    public EditPositions Positions { get; init; } = EditPositions.All;

    /// <summary>Returns <c>x += tau · m</c> as an edit that can be saved and replayed.</summary>
    /// <param name="rows">Rows of the batch that receive the memory; null for all.</param>
    /// <exception cref="InvalidOperationException">The encoder is <see cref="MemoryEncoder.Layer"/>, which
    /// needs the model.</exception>
    public Edit ToEdit(IReadOnlyList<int>? rows = null) => Added(OfTokens(), rows);

    /// <summary>
    /// Returns the edit as <see cref="ToEdit(IReadOnlyList{int})"/> does, for every encoder.
    /// </summary>
    /// <param name="model">The model; no edits should be attached.</param>
    /// <param name="rows">Rows of the batch that receive the memory; null for all.</param>
    /// <exception cref="UserException">The model cannot run the memory for the encoder.</exception>
    public Edit ToEdit(LanguageModel model, IReadOnlyList<int>? rows = null) => Added(ValueIn(model), rows);

    /// <summary>
    /// Returns the same memory with tau in units of the stream: <c>tau · mean_t |x_t| / |m|</c>, with x_t the
    /// residual stream before the layer at position t of the prompt. One tau then has the same meaning for
    /// raw and processed weights.
    /// </summary>
    /// <exception cref="UserException">The memory's vector is zero.</exception>
    public Memory RelativeToStream(LanguageModel model, IReadOnlyList<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(model);
        var site = new Site(SiteKind.ResidPre, Layer);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = prompt.Count, Record = [site],
        });
        session.Forward(new SequenceBatch([prompt]));
        return this with
        {
            Tau = Tau * StreamUnit(session.Recordings[site].ToArray(), Vector(model)),
        };
    }

    /// <summary>Returns <c>mean_t |x_t| / |m|</c>, the factor of a tau relative to the stream.</summary>
    /// <param name="stream">[T, C]: residual stream x.</param>
    /// <param name="vector">[C]: vector m of the memory.</param>
    /// <exception cref="UserException">The memory's vector is zero.</exception>
    internal static float StreamUnit(float[] stream, float[] vector)
    {
        double mean = stream.Chunk(vector.Length).Average(Norm), length = Norm(vector);
        return length > 0 ? (float)(mean / length) : throw new UserException(
            "the memory's vector is zero, so no tau relative to the stream can be given");
    }

    /// <summary>Returns a vector scaled to the length of another.</summary>
    /// <exception cref="UserException">The vector is zero.</exception>
    internal static float[] AsLongAs(float[] vector, float[] other)
    {
        double own = Norm(vector);
        return own > 0 ? Array.ConvertAll(vector, v => (float)(v * (Norm(other) / own)))
            : throw new UserException("a memory's vector is zero and cannot be given another's length");
    }

    /// <summary>
    /// Returns the edit that adds another vector with this memory's site, positions and magnitude.
    /// </summary>
    /// <param name="vector">[C]: vector that replaces the encoder's.</param>
    internal Edit Adding(float[] vector) => Added(EditValue.Numbers(vector), null);

    /// <summary>Returns the vector m of the memory, [C], without tau.</summary>
    public float[] Vector(LanguageModel model) => ValueIn(model).For(model);

    /// <summary>
    /// Checks that LayerNorm can square the memory's vector in float32; if it overflows, the output would be
    /// zeros.
    /// </summary>
    /// <exception cref="UserException">The vector is too long; a smaller tau is needed.</exception>
    internal static void RequireFinite(Edit memory, LanguageModel model)
    {
        double length = Math.Abs((double)memory.Alpha) * Norm(memory.Value!.For(model));
        if (!(length * length < float.MaxValue))
            throw new UserException(
                $"tau {memory.Alpha:R} makes a vector of length {length:0.0e+0}, whose square overflows "
                + "float32; expected a smaller tau");
    }

    EditValue OfTokens() => Encoder switch
    {
        MemoryEncoder.Unembed => EditValue.Unembed([.. Tokens]),
        MemoryEncoder.Embed => EditValue.Embed([.. Tokens]),
        MemoryEncoder.Jacobian => new JacobianValue(Lens
            ?? throw new InvalidOperationException("The encoder Jacobian needs a lens."), [.. Tokens])
        {
            Place = new Site(Target, Layer),
        },
        _ => throw new InvalidOperationException("This encoder runs the model: call ToEdit(model)."),
    };

    EditValue ValueIn(LanguageModel model) => Encoder == MemoryEncoder.Layer
        ? EditValue.Numbers(LayerEncoding.Of(model, Tokens, Layer))
        : OfTokens();

    Edit Added(EditValue value, IReadOnlyList<int>? rows) => new()
    {
        Site = new Site(Target, Layer),
        Operation = EditOperation.Add,
        Alpha = Tau,
        Head = Target == SiteKind.Result ? Head ?? 0 : null,
        Value = value,
        Positions = Positions,
        Rows = rows,
    };

    internal static double Norm(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));
}
