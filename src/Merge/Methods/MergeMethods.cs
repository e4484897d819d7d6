using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>The merge methods.</summary>
public static class MergeMethods
{
    /// <summary>All methods, means first.</summary>
    public static IReadOnlyList<MergeMethod> All { get; } =
    [
        new Linear(),
        new Slerp(),
        new NuSlerp(),
        new MultiSlerp(),
        new Karcher(),
        new TaskArithmetic(),
        new Ties(),
        new DareLinear(),
        new DareTies(),
        new Breadcrumbs(),
        new BreadcrumbsTies(),
        new Della(),
        new DellaLinear(),
        new Sce(),
        new Ram(),
        new ModelStock(),
        new NearSwap(),
        new ArceeFusion(),
        new Passthrough(),
        new IsoC(),
        new Tsv(),
        new Fisher(),
        new RegMean(),
        new AdaMerging(),
        new UniformSoup(),
        new GreedySoup(),
        new Swa(),
        new Ema(),
        new Lawa(),
    ];

    /// <summary>Returns the method of a name.</summary>
    /// <exception cref="UserException">No method has that name; the nearest is named.</exception>
    public static MergeMethod Named(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new UserException($"{Quoted.Name(name)} is no method; expected one of "
            + string.Join(", ", All.Select(m => m.Name))
            + NearestName.Hint(name, All.Select(m => m.Name)));
}
