using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// One tensor per parameter, named as in the checkpoint, all slices of one flat vector in checkpoint order.
/// The same type holds weights, gradients and an optimiser's moments.
/// </summary>
public sealed class FlatParameters
{
    // A block's length stays an int; of the published models only GPT-2 XL has more than one block.
    const long LongestBlock = 1L << 30;

    readonly Dictionary<string, Tensor> _byName = new(StringComparer.Ordinal);
    readonly Dictionary<string, (int Block, long Offset)> _places = new(StringComparer.Ordinal);
    readonly List<Tensor> _blocks = [];

    /// <summary>Cuts room for the parameters, or for those in <paramref name="only"/>.</summary>
    /// <param name="arena">Where; one float per element of the included parameters.</param>
    /// <param name="parameters">The table of parameters.</param>
    /// <param name="purpose">Goes before each name: "gradient of h.0.ln_1.weight"; empty for weights.</param>
    /// <param name="only">Names to include; null for all. Others have no tensor: frozen sets cost no
    /// memory.</param>
    public FlatParameters(
        TensorArena arena, ParameterLayout parameters, string purpose = "", IReadOnlySet<string>? only = null)
    {
        ArgumentNullException.ThrowIfNull(arena);
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = parameters;
        Included = [.. parameters.Slices.Where(s => only is null || only.Contains(s.Name))];
        TotalLength = Included.Sum(s => s.Length);
        for (int first = 0; first < Included.Count;)
            first = CutBlock(arena, purpose, first);
    }

    /// <summary>The table of parameters.</summary>
    public ParameterLayout Parameters { get; }

    /// <summary>The parameters that have a tensor, in checkpoint order.</summary>
    public IReadOnlyList<ParameterSlice> Included { get; }

    /// <summary>Elements of all included parameters.</summary>
    public long TotalLength { get; }

    /// <summary>The memory in long runs: each block is one contiguous vector of whole parameters.</summary>
    public IReadOnlyList<Tensor> Blocks => _blocks;

    /// <summary>The tensor of a parameter.</summary>
    /// <exception cref="UserException">There is none of that name here.</exception>
    public Tensor this[string name] => Find(name)
        ?? throw new UserException($"parameter {Quoted.Name(Parameters[name].Name)} is not in this set");

    /// <summary>The tensor of a role.</summary>
    /// <param name="role">What it does.</param>
    /// <param name="layer">The block of a role inside the blocks, from 0; else left out.</param>
    /// <exception cref="ArgumentException">This model has no such parameter.</exception>
    /// <exception cref="UserException">It is not included here.</exception>
    public Tensor this[Role role, int layer = -1] => this[Parameters[role, layer].Name];

    /// <summary>The tensor of a parameter, or null when it is not included.</summary>
    public Tensor? Find(string name)
        => _byName.GetValueOrDefault(Parameters.Architecture.WithoutPrefix(name));

    /// <summary>
    /// The block that holds an included parameter, and the parameter's first element in it.
    /// </summary>
    internal (int Block, long Offset) PlaceOf(string name)
        => _places[Parameters.Architecture.WithoutPrefix(name)];

    int CutBlock(TensorArena arena, string purpose, int first)
    {
        int end = first;
        long length = 0;
        while (end < Included.Count && (end == first || length + Included[end].Length <= LongestBlock))
            length += Included[end++].Length;
        Tensor block = arena.Cut($"{purpose}parameters", checked((int)length));
        long offset = 0;
        for (int i = first; i < end; i++)
        {
            ParameterSlice s = Included[i];
            _byName[s.Name] = block.Slice($"{purpose}{s.Name}", offset, s.Shape);
            _places[s.Name] = (_blocks.Count, offset);
            offset += s.Length;
        }
        _blocks.Add(block);
        return end;
    }
}
