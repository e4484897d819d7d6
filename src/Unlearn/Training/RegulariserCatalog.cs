using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The regularisers.</summary>
public static class RegulariserCatalog
{
    /// <summary>All regularisers, in the order of the paper's table.</summary>
    public static IReadOnlyList<RegulariserKind> All { get; } =
        [SpectralNorm.Kind, LossTruncation.Kind, ExampleTiedDropout.Kind];

    /// <summary>Names of all regularisers.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(kind => kind.Name)];

    /// <summary>Returns the regulariser of a name.</summary>
    /// <exception cref="UserException">No regulariser has that name.</exception>
    public static RegulariserKind Named(string name) => All.FirstOrDefault(kind => kind.Name == name)
        ?? throw new UserException($"{Quoted.Name(name)} is no regulariser; expected one of "
            + string.Join(", ", Names)
            + NearestName.Hint(name, Names));
}
