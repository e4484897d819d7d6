using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The unlearning methods.</summary>
public static class MethodCatalog
{
    /// <summary>All methods, in the order of the paper's table.</summary>
    public static IReadOnlyList<UnlearningMethod> All { get; } =
    [
        new FineTuning(clean: true, extra: false),
        new FineTuning(clean: false, extra: true),
        new FineTuning(clean: true, extra: true),
        new ZeroOut(),
        new Activations(),
        new Slimming(),
        new HardConcrete(),
        new IntegratedGradients(),
        new Greedy(),
        new Durable(together: false),
        new Durable(together: true),
        new SecondOrder(),
        new Subnet(),
        new BalancedSubnet(),
        new GradientAscent(),
        new AscentWithKl(),
        new NegativePreference(),
        new Rmu(),
        new TaskVector(),
        new RandomPruning(),
    ];

    /// <summary>Returns the method of a name.</summary>
    /// <exception cref="UserException">No method has that name.</exception>
    public static UnlearningMethod Named(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new UserException($"{Quoted.Name(name)} is no method; expected one of "
            + string.Join(", ", All.Select(m => m.Name))
            + NearestName.Hint(name, All.Select(m => m.Name)));
}
