using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A memory: a vector made from tokens that is added to what a layer writes, as if a head had recalled them
/// (Sakarvadia et al. 2023, arXiv 2309.05605, section 4).
/// </summary>
/// <param name="Tokens">The memory's tokens; for the encoders of single tokens repeated ones count
/// once.</param>
/// <param name="Layer">The block, from 0.</param>
/// <param name="Tau">The magnitude; the paper sweeps 1 to 15.</param>
public sealed record Memory(IReadOnlyList<int> Tokens, int Layer, float Tau)
{
    /// <summary>How the tokens become a vector.</summary>
    public MemoryEncoder Encoder { get; init; } = MemoryEncoder.Unembed;

    /// <summary>
    /// Where the block receives it: <see cref="SiteKind.AttnOut"/> (the paper's),
    /// <see cref="SiteKind.Result"/> with <see cref="Head"/>, <see cref="SiteKind.MlpOut"/>,
    /// <see cref="SiteKind.ResidPre"/>, <see cref="SiteKind.ResidMid"/> or <see cref="SiteKind.ResidPost"/>.
    /// </summary>
    public SiteKind Target { get; init; } = SiteKind.AttnOut;

    /// <summary>
    /// The head whose result receives it; heads are summed, so any gives what the attention output gives.
    /// </summary>
    public int? Head { get; init; }

    /// <summary>Positions that receive it; the paper's are all.</summary>
    public EditPositions Positions { get; init; } = EditPositions.All;

    /// <summary><c>x += tau · m</c> as an edit that can be saved and replayed.</summary>
    /// <param name="rows">Rows of the batch that receive it; null for all.</param>
    /// <exception cref="InvalidOperationException">The encoder is <see cref="MemoryEncoder.Layer"/>: it needs
    /// the model.</exception>
    public Edit ToEdit(IReadOnlyList<int>? rows = null) => Added(OfTokens(), rows);

    /// <summary>As <see cref="ToEdit(IReadOnlyList{int})"/>, for every encoder.</summary>
    /// <param name="model">The model; none of its edits should be in force.</param>
    /// <param name="rows">Rows of the batch that receive it; null for all.</param>
    /// <exception cref="UserException">The model cannot run the memory.</exception>
    public Edit ToEdit(LanguageModel model, IReadOnlyList<int>? rows = null) => Added(ValueIn(model), rows);

    /// <summary>
    /// The same memory with tau in units of the stream: <c>tau · mean_t |x_t| / |m|</c>, x_t the residual
    /// stream that enters the layer at the prompt's positions. So one tau means the same in raw and processed
    /// weights.
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

    /// <summary><c>mean_t |x_t| / |m|</c>: what a tau relative to the stream is multiplied by.</summary>
    /// <param name="stream">x, [T, C].</param>
    /// <param name="vector">m, [C].</param>
    /// <exception cref="UserException">The memory's vector is zero.</exception>
    internal static float StreamUnit(float[] stream, float[] vector)
    {
        double mean = stream.Chunk(vector.Length).Average(Norm), length = Norm(vector);
        return length > 0 ? (float)(mean / length) : throw new UserException(
            "the memory's vector is zero, so no tau relative to the stream can be given");
    }

    /// <summary>A vector in the direction of one and with the length of another.</summary>
    /// <exception cref="UserException">It has no direction.</exception>
    internal static float[] AsLongAs(float[] vector, float[] other)
    {
        double own = Norm(vector);
        return own > 0 ? Array.ConvertAll(vector, v => (float)(v * (Norm(other) / own)))
            : throw new UserException("a memory's vector is zero and cannot be given another's length");
    }

    /// <summary>The edit that adds a vector where and as strongly as this memory says.</summary>
    /// <param name="vector">[C], in place of what the encoder makes.</param>
    internal Edit Adding(float[] vector) => Added(EditValue.Numbers(vector), null);

    /// <summary>m, [C]</summary>
    public float[] Vector(LanguageModel model) => ValueIn(model).For(model);

    /// <summary>
    /// Refuses a memory whose vector LayerNorm could not square in float32: it would become zeros.
    /// </summary>
    /// <exception cref="UserException">tau overflows.</exception>
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
