using System.Diagnostics.CodeAnalysis;
using System.IO.Enumeration;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Where one parameter lies in the flat vector of all parameters.</summary>
/// <param name="Name">As in the checkpoint, without the <c>transformer.</c> prefix.</param>
/// <param name="Shape">Its extents, row-major; matrices are [inputs, outputs].</param>
/// <param name="Offset">Its first element in the flat vector.</param>
/// <param name="Length">Its number of elements; fits a span.</param>
public sealed record ParameterSlice(string Name, int[] Shape, long Offset, long Length)
{
    /// <summary>Name and shape, for messages.</summary>
    public override string ToString() => $"{Name} {Quoted.Shape(Shape)}";
}

/// <summary>
/// Every parameter of a GPT-2, named once, in checkpoint order, as slices of one flat vector without gaps.
/// </summary>
public sealed class ParameterLayout
{
    internal const string Prefix = "transformer.";

    readonly List<ParameterSlice> _slices = [];
    readonly Dictionary<string, ParameterSlice> _byName = new(StringComparer.Ordinal);

    /// <summary>The table for a model of these sizes.</summary>
    /// <exception cref="UserException">The sizes are not usable.</exception>
    public ParameterLayout(ModelConfig config)
    {
        Config = config.Validated();
        int C = config.Width;
        Add("wte.weight", config.VocabSize, C);
        Add("wpe.weight", config.ContextLength, C);
        for (int l = 0; l < config.Layers; l++)
            AddBlock($"h.{l}", C, config.Inner);
        AddPair("ln_f", C);
        if (!config.TiedHead)
            Add("lm_head.weight", config.VocabSize, C);
        if (config.HeadBias)
            Add("lm_head.bias", config.VocabSize);
    }

    /// <summary>The sizes.</summary>
    public ModelConfig Config { get; }

    /// <summary>All parameters, in checkpoint order.</summary>
    public IReadOnlyList<ParameterSlice> Slices => _slices;

    /// <summary>Elements in the flat vector.</summary>
    public long TotalLength { get; private set; }

    /// <summary>A parameter by name, with or without the <c>transformer.</c> prefix.</summary>
    /// <exception cref="UserException">There is none.</exception>
    public ParameterSlice this[string name] => TryFind(name, out ParameterSlice? slice)
        ? slice
        : throw new UserException($"parameter {Quoted.Name(name)}: this model has none of that name; "
            + "they are named as wte.weight and h.0.attn.c_attn.weight are.");

    /// <summary>Looks a parameter up by name, with or without the <c>transformer.</c> prefix.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out ParameterSlice? slice) =>
        _byName.TryGetValue(WithoutPrefix(name), out slice);

    /// <summary>The parameters that a glob names, in checkpoint order.</summary>
    /// <param name="pattern"><c>*</c> stands for any text, <c>?</c> for one character:
    /// <c>h.*.mlp.*</c>.</param>
    /// <exception cref="UserException">No parameter matches.</exception>
    public IReadOnlyList<ParameterSlice> Match(string pattern)
    {
        string glob = WithoutPrefix(pattern);
        List<ParameterSlice> found =
            _slices.FindAll(slice =>
                FileSystemName.MatchesSimpleExpression(glob, slice.Name, ignoreCase: false));
        return found.Count > 0
            ? found
            : throw new UserException($"pattern {Quoted.Name(pattern)}: matches no parameter; expected one "
                + $"like h.*.mlp.* (layers 0 to {Config.Layers - 1}).");
    }

    /// <summary>The name as this table has it.</summary>
    internal static string WithoutPrefix(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;

    void AddBlock(string block, int C, int inner)
    {
        AddPair($"{block}.ln_1", C);
        AddPair($"{block}.attn.c_attn", C, 3 * C); // queries, keys, values side by side
        AddPair($"{block}.attn.c_proj", C, C);
        AddPair($"{block}.ln_2", C);
        AddPair($"{block}.mlp.c_fc", C, inner);
        AddPair($"{block}.mlp.c_proj", inner, C);
    }

    // A weight and its bias, which is as long as the weight's last axis.
    void AddPair(string name, params int[] shape)
    {
        Add($"{name}.weight", shape);
        Add($"{name}.bias", shape[^1]);
    }

    void Add(string name, params int[] shape)
    {
        long length = shape.Aggregate(1L, (product, extent) => product * extent);
        var slice = new ParameterSlice(name, shape, TotalLength, length);
        _slices.Add(slice);
        _byName.Add(name, slice);
        TotalLength += length;
    }
}
