using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Values of one option of methods, as a caller gives them; a sweep tries each.</summary>
/// <param name="Option">The option's name: BatchRows.</param>
/// <param name="Values">At least one.</param>
public sealed record MethodValues(string Option, IReadOnlyList<double> Values)
{
    /// <summary>
    /// Every combination of the values that a method reads, the first declared option slowest; one without
    /// values where the method reads none of them.
    /// </summary>
    internal static IReadOnlyList<MethodSettings> Grid(
        IReadOnlyList<MethodValues> given, UnlearningMethod method)
    {
        List<MethodSettings> grid = [new()];
        foreach (MethodOption option in method.Options)
            if (given.FirstOrDefault(g => g.Option == option.Name) is { } tried)
                grid = [.. grid.SelectMany(
                    settings => tried.Values.Select(v => settings.With(option.Name, v)))];
        return grid;
    }

    /// <summary>Refuses an option that none of some methods reads.</summary>
    /// <exception cref="UserException">There is one.</exception>
    internal static void RequireRead(
        IReadOnlyList<MethodValues> given, IReadOnlyList<UnlearningMethod> methods)
    {
        foreach ((string option, _) in given)
            if (!methods.Any(m => m.Options.Any(o => o.Name == option)))
                throw methods.Count > 1
                    ? new UserException($"none of the methods reads {option}", option)
                    : MethodSettings.NotRead(methods[0], option);
    }
}
