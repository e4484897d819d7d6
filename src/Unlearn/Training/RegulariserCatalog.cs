using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Every regulariser, in the order of the paper's table.</summary>
public static class RegulariserCatalog
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<RegulariserKind> All { get; } =
        [SpectralNorm.Kind, LossTruncation.Kind, ExampleTiedDropout.Kind];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(kind => kind.Name)];

    /// <summary>A regulariser by its name.</summary>
    /// <exception cref="UserException">There is none of that name.</exception>
    public static RegulariserKind Named(string name) => All.FirstOrDefault(kind => kind.Name == name)
        ?? throw new UserException($"{Quoted.Name(name)} is no regulariser; expected one of "
            + string.Join(", ", Names));
}
