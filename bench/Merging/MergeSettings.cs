namespace HeadTap.Merging;

/// <summary>The settings in which each method is tried: its defaults first.</summary>
static class MergeSettings
{
    /// <summary>Methods that take any number of models.</summary>
    internal static IReadOnlyList<(string Method, string[] Settings)> OfMany { get; } =
    [
        ("linear", [""]), ("uniform_soup", [""]), ("greedy_soup", [""]), ("multislerp", [""]),
        ("karcher", [""]), ("model_stock", [""]),
        ("task_arithmetic", ["", .. Lambdas(0.1, 0.2, 0.3, 0.4, 0.5, 0.7)]),
        ("ties", ["", .. Grid([0.1, 0.2, 0.5, 1], 0.5, 1, 1.5, 2)]),
        ("dare_linear", ["", .. Grid([0.1, 0.5, 0.9], 0.2, 0.3, 0.5, 0.7)]),
        ("dare_ties", ["", .. Grid([0.1, 0.5, 0.9], 0.3, 0.5, 0.7)]),
        ("della", ["", .. Grid([0.3, 0.5, 0.8], 0.5, 1, 1.5, 2)]),
        ("della_linear", ["", .. Grid([0.3, 0.5, 0.8], 0.2, 0.3, 0.5, 0.7)]),
        ("breadcrumbs", ["", .. Grid([0.5, 0.9], 0.2, 0.3, 0.5, 0.7)]),
        ("breadcrumbs_ties", ["", .. Grid([0.5, 0.9], 0.3, 0.5, 0.7)]),
        ("sce", ["", "select_topk=0.1", "select_topk=0.5"]),
        ("ram", ["", "epsilon=0.0001", "epsilon=0.001"]),
        ("iso_c", ["", .. Lambdas(0.3, 0.5, 1.5, 2)]),
        ("tsv", ["", .. Lambdas(0.3, 0.5, 1.5, 2)]),
        ("fisher", [""]),
        ("regmean", ["", "reduce_non_diagonal_ratio=0.9", "reduce_non_diagonal_ratio=1"]),
    ];

    /// <summary>Methods of minutes, which are tried last.</summary>
    internal static IReadOnlyList<(string Method, string[] Settings)> Slow { get; } =
        [("adamerging", ["", "max_steps=100 lr=0.01"])];

    /// <summary>Methods that take two models, or a base and one, and two others beside them.</summary>
    internal static IReadOnlyList<(string Method, string[] Settings)> OfTwo { get; } =
    [
        ("linear", [""]), ("task_arithmetic", ["", .. Lambdas(0.3, 0.5, 0.7)]),
        ("slerp", ["t=0.5", "t=0.3", "t=0.7"]), ("nuslerp", [""]),
        ("nearswap", ["t=0.0001", "t=0.001", "t=0.01"]), ("arcee_fusion", [""]),
    ];

    static string[] Lambdas(params double[] lambdas)
        => [.. lambdas.Select(l => FormattableString.Invariant($"lambda={l}"))];

    static string[] Grid(double[] densities, params double[] lambdas) => [.. densities.SelectMany(d =>
        lambdas.Select(l => FormattableString.Invariant($"density={d} lambda={l}")))];
}
