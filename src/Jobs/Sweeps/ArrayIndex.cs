using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The number of a task of a job array, from the environment of the scheduler.</summary>
static class ArrayIndex
{
    // Variable, first number, and the value that it has outside of arrays. SGE and LSF count from 1.
    static readonly (string Name, int First, string? None)[] s_sources =
    [
        ("SLURM_ARRAY_TASK_ID", 0, null), ("PBS_ARRAY_INDEX", 0, null), ("SGE_TASK_ID", 1, "undefined"),
        ("LSB_JOBINDEX", 1, "0"),
    ];

    /// <summary>Reads the number.</summary>
    /// <param name="environment">Returns the value of a variable; null for none.</param>
    /// <returns>The number, from 0, and the variable that holds it.</returns>
    /// <exception cref="UserException">No variable has one.</exception>
    internal static (int Index, string Source) Read(Func<string, string?> environment)
    {
        foreach ((string name, int first, string? none) in s_sources)
        {
            string? text = environment(name);
            if (string.IsNullOrEmpty(text) || text == none)
                continue;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                || number < first)
                throw new UserException(
                    $"{name} is {Quoted.Name(text)}; expected a whole number from {first}");
            return (number - first, name);
        }
        throw new UserException("no number of an array task in "
            + string.Join(", ", s_sources.Select(s => s.Name)) + "; expected to run as a task of a job "
            + $"array, or {Field.Of(nameof(SweepRunOptions.Cell))} or "
            + Field.Of(nameof(SweepRunOptions.Range)));
    }
}
