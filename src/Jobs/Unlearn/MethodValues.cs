using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Given values of one method option; a sweep tries each.</summary>
/// <param name="Option">Name of the option, such as BatchRows.</param>
/// <param name="Values">Values to try; at least one.</param>
public sealed record MethodValues(string Option, IReadOnlyList<double> Values)
{
    /// <summary>
    /// Returns every combination of the values that a method reads; the first declared option varies slowest.
    /// If the method reads none of the options, it returns one setting without values.
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

    /// <summary>Checks that at least one of the methods reads each option.</summary>
    /// <exception cref="UserException">No method reads an option.</exception>
    internal static void RequireRead(
        IReadOnlyList<MethodValues> given, IReadOnlyList<UnlearningMethod> methods)
    {
        foreach ((string option, _) in given)
            if (!methods.Any(m => m.Options.Any(o => o.Name == option)))
                throw methods.Count > 1
                    ? new UserException($"none of the methods reads {Field.Of(option)}")
                    : MethodSettings.NotRead(methods[0], option);
    }
}
