using System.Diagnostics.CodeAnalysis;
using System.IO.Enumeration;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Where one parameter lies in the flat vector of all parameters.</summary>
/// <param name="Name">Its name in checkpoints, without the architecture's prefix.</param>
/// <param name="Shape">Its extents, row-major; matrices are [inputs, outputs].</param>
/// <param name="Offset">Its first element in the flat vector.</param>
/// <param name="Length">Its number of elements; fits a span.</param>
public sealed record ParameterSlice(string Name, int[] Shape, long Offset, long Length)
{
    /// <summary>What it does.</summary>
    public Role Role { get; init; }

    /// <summary>Its block, from 0; -1 outside of the blocks.</summary>
    public int Layer { get; init; } = -1;

    /// <summary>How checkpoints store it.</summary>
    public StoredForm Stored { get; init; }

    /// <summary>The name that a written checkpoint has.</summary>
    internal string StoredName { get; init; } = Name;

    /// <summary>Name and shape, for messages.</summary>
    public override string ToString() => $"{Name} {Quoted.Shape(Shape)}";
}

/// <summary>
/// Every parameter of a model, named once, in checkpoint order, as slices of one flat vector without gaps.
/// </summary>
public sealed class ParameterLayout
{
    readonly List<ParameterSlice> _slices = [];
    readonly Dictionary<string, ParameterSlice> _byName = new(StringComparer.Ordinal);
    readonly Dictionary<(Role, int), ParameterSlice> _byRole = [];

    /// <summary>The table for a model of these sizes.</summary>
    /// <exception cref="UserException">The sizes are not usable.</exception>
    public ParameterLayout(ModelConfig config)
    {
        Config = config.Validated();
        ParameterEntry[] entries = [.. Architecture.Parameters.Where(p => p.Role.IsIn(config))];
        foreach (ParameterEntry entry in entries.TakeWhile(p => !p.Role.InBlock()))
            Add(entry, -1);
        for (int l = 0; l < config.Layers; l++)
            foreach (ParameterEntry entry in entries.Where(p => p.Role.InBlock()))
                Add(entry, l);
        foreach (ParameterEntry entry in entries.SkipWhile(p => !p.Role.InBlock())
            .Where(p => !p.Role.InBlock()))
            Add(entry, -1);
    }

    /// <summary>The sizes.</summary>
    public ModelConfig Config { get; }

    /// <summary>All parameters, in checkpoint order.</summary>
    public IReadOnlyList<ParameterSlice> Slices => _slices;

    /// <summary>Elements in the flat vector.</summary>
    public long TotalLength { get; private set; }

    /// <summary>The parameter of a role.</summary>
    /// <param name="role">What it does.</param>
    /// <param name="layer">The block of a role inside the blocks, from 0; else left out.</param>
    /// <exception cref="ArgumentException">This model has none.</exception>
    public ParameterSlice this[Role role, int layer = -1] => Find(role, layer)
        ?? throw new ArgumentException($"This model has no {role}{(layer < 0 ? "" : $" in block {layer}")}.");

    /// <summary>A parameter by name, with or without the architecture's prefix.</summary>
    /// <exception cref="UserException">There is none.</exception>
    public ParameterSlice this[string name] => TryFind(name, out ParameterSlice? slice)
        ? slice
        : throw new UserException($"parameter {Quoted.Name(name)}: this model has none of that name; "
            + $"they are named as {_slices[0].Name} and {this[Role.QkvWeight, 0].Name} are.");

    /// <summary>Looks a parameter up by name, with or without the architecture's prefix.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out ParameterSlice? slice) =>
        _byName.TryGetValue(Architecture.WithoutPrefix(name), out slice);

    /// <summary>The parameters of some roles, block after block, in the order of the roles.</summary>
    /// <param name="roles">Roles inside the blocks.</param>
    /// <param name="layers">Which blocks; null for all.</param>
    public IReadOnlyList<ParameterSlice> InBlocks(
        IReadOnlyList<Role> roles, IEnumerable<int>? layers = null)
        => [.. (layers ?? Enumerable.Range(0, Config.Layers)).SelectMany(l => roles.Select(r => this[r, l]))];

    /// <summary>The parameters that a glob names, in checkpoint order.</summary>
    /// <param name="pattern"><c>*</c> stands for any text, <c>?</c> for one character:
    /// <c>h.*.mlp.*</c> in GPT-2.</param>
    /// <exception cref="UserException">No parameter matches.</exception>
    public IReadOnlyList<ParameterSlice> Match(string pattern)
    {
        string glob = Architecture.WithoutPrefix(pattern);
        List<ParameterSlice> found =
            _slices.FindAll(slice =>
                FileSystemName.MatchesSimpleExpression(glob, slice.Name, ignoreCase: false));
        return found.Count > 0
            ? found
            : throw new UserException($"pattern {Quoted.Name(pattern)}: matches no parameter; expected one "
                + $"like {Architecture.GlobExample} (layers 0 to {Config.Layers - 1}).");
    }

    /// <summary>The parameter of a role, or null where the model has none.</summary>
    internal ParameterSlice? Find(Role role, int layer = -1) => _byRole.GetValueOrDefault((role, layer));

    internal Architecture Architecture => Config.Architecture;

    void Add(ParameterEntry entry, int layer)
    {
        int[] shape = entry.Role.Shape(Config);
        long length = shape.Aggregate(1L, (product, extent) => product * extent);
        string name = entry.NameIn(layer);
        var slice = new ParameterSlice(name, shape, TotalLength, length)
        {
            Role = entry.Role, Layer = layer, Stored = entry.Stored,
            StoredName = entry.OutsidePrefix ? name : Architecture.Prefix + name,
        };
        _slices.Add(slice);
        _byName.Add(name, slice);
        _byRole.Add((entry.Role, layer), slice);
        TotalLength += length;
    }
}
