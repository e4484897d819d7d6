using System.IO.Enumeration;

namespace HeadTap.Models;

/// <summary>One parameter of an architecture.</summary>
/// <param name="Role">What it does.</param>
/// <param name="Name">Its name in checkpoints without the prefix; <c>{l}</c> stands for the block.</param>
/// <param name="Stored">How checkpoints store it.</param>
public sealed record ParameterEntry(Role Role, string Name, StoredForm Stored = StoredForm.AsInMemory)
{
    /// <summary>Whether the name in a checkpoint never has the architecture's prefix.</summary>
    public bool OutsidePrefix { get; init; }

    /// <summary>The name in one block; outside of the blocks the name itself.</summary>
    internal string NameIn(int layer) => Name.Replace("{l}", $"{layer}", StringComparison.Ordinal);
}

/// <summary>
/// What sets one family of decoders apart from another, as data: the keys of its config.json, the names of
/// its parameters with their roles, and how checkpoints store them. Code asks a model for roles, never for
/// names.
/// </summary>
public sealed class Architecture
{
    /// <summary>The value of <c>model_type</c> in config.json.</summary>
    public required string ModelType { get; init; }

    /// <summary>The keys of config.json.</summary>
    public required ConfigKeys Config { get; init; }

    /// <summary>
    /// Every parameter in the order in which it is loaded, held in memory and saved. Those of a block follow
    /// each other, and are listed once for all blocks.
    /// </summary>
    public required IReadOnlyList<ParameterEntry> Parameters { get; init; }

    /// <summary>What checkpoints may put before names, and what is written: "transformer."; may be
    /// empty.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Globs of tensors that checkpoints may hold and that no model needs, without the
    /// prefix.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>Names that some writers give to parameters, without the prefix, and the names
    /// above.</summary>
    public IReadOnlyDictionary<string, string> OtherNames { get; init; } = new Dictionary<string, string>();

    /// <summary>Globs of tensors of heads for other tasks, beside a whole model, without the
    /// prefix.</summary>
    public IReadOnlyList<string> OtherHeads { get; init; } = [];

    /// <summary>A glob of parameters, for messages: <c>h.*.mlp.*</c>.</summary>
    public required string GlobExample { get; init; }

    /// <summary>What begins the name of a block's module in the architecture's own code: "h".</summary>
    public required string BlockName { get; init; }

    /// <summary>Its own names of sites inside a block, after <c>{BlockName}.{l}.</c>.</summary>
    public IReadOnlyList<(string Alias, SiteKind Kind)> BlockAliases { get; init; } = [];

    /// <summary>The architecture's own names of sites outside of the blocks.</summary>
    public IReadOnlyList<(string Alias, SiteKind Kind)> OuterAliases { get; init; } = [];

    /// <summary>The architectures that a model folder may have.</summary>
    public static IReadOnlyList<Architecture> Known => [Gpt2.Architecture];

    /// <summary>Whether its models have a parameter of this role, head and options aside.</summary>
    public bool Has(Role role) => Parameters.Any(p => p.Role == role);

    /// <inheritdoc/>
    public override string ToString() => ModelType;

    /// <summary>The name without the prefix.</summary>
    internal string WithoutPrefix(string name)
    {
        string plain = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
        return OtherNames.GetValueOrDefault(plain, plain);
    }

    /// <summary>Whether a tensor of a checkpoint is one that no model needs.</summary>
    /// <param name="name">Without the prefix.</param>
    internal bool Ignores(string name)
        => Any(Ignored, name)
            // The head once more, where it is the embedding.
            || Parameters.Any(p => p.Role == Role.HeadWeight && p.Name == name);

    /// <summary>Whether a tensor of a checkpoint is of a head for another task.</summary>
    /// <param name="name">Without the prefix.</param>
    internal bool IsOtherHead(string name) => Any(OtherHeads, name);

    /// <summary>The name of the only parameter of a role outside of the blocks.</summary>
    internal string NameOf(Role role) => Parameters.Single(p => p.Role == role).Name;

    static bool Any(IReadOnlyList<string> globs, string name)
        => globs.Any(glob => FileSystemName.MatchesSimpleExpression(glob, name, ignoreCase: false));
}
