namespace HeadTap.Merge;

/// <summary>The merge methods.</summary>
public static class MergeMethods
{
    /// <summary>All methods, means first.</summary>
    public static IReadOnlyList<MergeMethod> All { get; } =
    [
        new Linear(),
        new Slerp(),
        new Karcher(),
        new TaskArithmetic(),
        new Ties(),
        new DareLinear(),
        new DareTies(),
        new Breadcrumbs(),
        new BreadcrumbsTies(),
        new ModelStock(),
        new NearSwap(),
    ];
}
