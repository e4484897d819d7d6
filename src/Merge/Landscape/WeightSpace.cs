using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// A model on a device whose weights move: vectors of all parameters lie beside it, and the weights are set
/// to sums of them in place. Nothing is read or loaded again.
/// </summary>
public sealed class WeightSpace : IDisposable
{
    readonly List<TensorArena> _arenas = [];
    readonly string _folder;
    readonly FlatParameters? _before; // of a lent model
    readonly bool _requiredFinite;

    /// <summary>Reads the model that the others have to fit. Passes may give NaN and infinity from now on:
    /// far from a minimum they are a result.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="folder">A Hugging Face folder.</param>
    /// <exception cref="UserException">A file is missing or damaged, a weight is not finite, or the model
    /// does not fit the device.</exception>
    public WeightSpace(ComputeDevice device, string folder)
        : this(LanguageModel.Load(device, folder)) => _folder = folder;

    /// <summary>Takes a model over, and disposes it in the end. Passes may give NaN and infinity from now
    /// on.</summary>
    public WeightSpace(LanguageModel model)
        : this(model, lent: false)
    {
    }

    WeightSpace(LanguageModel model, bool lent)
    {
        ArgumentNullException.ThrowIfNull(model);
        _requiredFinite = model.RequiresFinite;
        Model = model;
        Model.RequiresFinite = false;
        _folder = "the first model";
        if (!lent)
            return;
        try
        {
            _before = Keep();
        }
        catch
        {
            Model.RequiresFinite = _requiredFinite;
            throw;
        }
    }

    /// <summary>A space around a model that stays its owner's: in the end the model has the bits that it has
    /// now, and passes must be finite again where they had to be.</summary>
    /// <exception cref="UserException">A copy of the weights does not fit the device.</exception>
    public static WeightSpace Around(LanguageModel model) => new(model, lent: true);

    /// <summary>The model; its weights are where the last <see cref="MoveTo"/> left them.</summary>
    public LanguageModel Model { get; }

    /// <summary>A vector of all parameters, zero, that lives as long as the space.</summary>
    /// <param name="purpose">What it is, for messages: "gradient of "; goes before names of
    /// parameters.</param>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public FlatParameters Vector(string purpose)
    {
        long length = TensorArena.Measure(
            Model.Device, arena => _ = new FlatParameters(arena, Model.Parameters, purpose));
        var own = new TensorArena(Model.Device, length, $"{purpose.TrimEnd()} all parameters");
        _arenas.Add(own);
        return new FlatParameters(own, Model.Parameters, purpose);
    }

    /// <summary>A copy of the weights as they are now.</summary>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public FlatParameters Keep()
    {
        FlatParameters copy = Vector("copy of ");
        Set(copy, (1, Model.Set));
        return copy;
    }

    /// <summary>The weights of another folder.</summary>
    /// <exception cref="UserException">The model has another shape, a weight of it is not finite, or it does
    /// not fit the device.</exception>
    public FlatParameters Read(string folder)
    {
        RequireSameShape(folder);
        FlatParameters read = Vector("weights of ");
        ReadInto(read, folder);
        return read;
    }

    /// <summary>Overwrites a vector with the weights of another folder.</summary>
    /// <exception cref="UserException">The model has another shape, or a weight of it is not
    /// finite.</exception>
    public void ReadInto(FlatParameters to, string folder)
    {
        ArgumentNullException.ThrowIfNull(to);
        RequireSameShape(folder);
        ModelFolder.ReadPieces(folder, Model.Config, (slice, start, values) =>
            to[slice.Name].Slice(slice.Name, start, values.Length).Upload(values));
    }

    /// <summary>Refuses a model whose numbers do not mean the same as this one's; none is read.</summary>
    /// <exception cref="UserException">Names the first value of config.json that differs.</exception>
    public void RequireSameShape(string folder)
    {
        if (SameShape.Problem(Model.Config, ModelFolder.ReadConfig(folder)) is { } problem)
            throw new UserException(
                $"{Quoted.Path(folder)} does not fit {Quoted.Path(_folder)}: {problem}");
    }

    /// <summary>Sets the model's weights to a sum: see <see cref="Set"/>.</summary>
    public void MoveTo(params ReadOnlySpan<(double Factor, FlatParameters X)> terms)
        => Set(Model.Set, terms);

    /// <summary>
    /// Writes <c>to = sum_k factor_k x_k</c> on the device, in float32. Terms of factor 0 are left out and
    /// one term of factor 1 is copied, so the points themselves are met to the bit.
    /// </summary>
    /// <param name="to">Written; it may be one of the first three terms.</param>
    /// <param name="terms">Factors and vectors; without any, <paramref name="to"/> becomes 0.</param>
    public void Set(FlatParameters to, params ReadOnlySpan<(double Factor, FlatParameters X)> terms)
    {
        ArgumentNullException.ThrowIfNull(to);
        List<(float Factor, FlatParameters X)> left = [];
        foreach ((double factor, FlatParameters x) in terms)
            if (factor != 0)
                left.Add(((float)factor, x));
        if (left.Skip(3).Any(term => ReferenceEquals(term.X, to)))
            throw new ArgumentException(
                "A term that is written to is one of the first three.", nameof(terms));
        for (int block = 0; block < to.Blocks.Count; block++)
            Combine(to.Blocks[block], [.. left.Select(term => (term.Factor, term.X.Blocks[block]))]);
    }

    /// <summary>Sum of the products of two vectors, in a fixed order.</summary>
    public double Dot(FlatParameters a, FlatParameters b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return a.Blocks.Zip(b.Blocks).Sum(pair => Model.Ops.Dot(pair.First, pair.Second));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before is not null)
        {
            MoveTo((1, _before));
            Model.RequiresFinite = _requiredFinite;
        }
        foreach (TensorArena arena in _arenas)
            arena.Dispose();
        if (_before is null)
            Model.Dispose();
    }

    void Combine(Tensor to, ReadOnlySpan<(float Factor, Tensor X)> terms)
    {
        Ops ops = Model.Ops;
        switch (terms)
        {
            case []:
                ops.Fill(to, 0f);
                return;
            case [var (factor, only)]:
                if (!ReferenceEquals(only, to)) // OpenCL refuses a copy of memory to itself
                    ops.Copy(only, to);
                if (factor != 1f)
                    ops.Scale(to, factor);
                return;
            case [var (a, x1), var (b, x2)]:
                ops.LinearCombination(x1, x2, to, a, b);
                return;
            default:
                ops.LinearCombination(terms[0].X, terms[1].X, terms[2].X, to,
                    terms[0].Factor, terms[1].Factor, terms[2].Factor);
                for (int k = 3; k < terms.Length; k++)
                    ops.Axpy(terms[k].X, to, terms[k].Factor);
                return;
        }
    }
}
