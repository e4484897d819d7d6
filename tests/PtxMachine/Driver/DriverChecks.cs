using System.Globalization;

namespace HeadTap.PtxMachine;

/// <summary>
/// Checks as a list in one environment variable, for a run of tests or of a program that does not know the
/// machine: <c>HEADTAP_PTX=worst-case=7,no-races</c>.
/// </summary>
static class DriverChecks
{
    /// <summary>The variable's name.</summary>
    internal const string Variable = "HEADTAP_PTX";

    const string Expected = "no-races, no-bounds, no-uninitialised, counters, threads=N, contract, "
        + "worst-case=SEED";

    /// <summary>Reads the list; nothing is all checks.</summary>
    /// <exception cref="FormatException">An item is none of those it knows.</exception>
    internal static MachineChecks Read(string? list)
    {
        var checks = new MachineChecks();
        foreach (string item in (list ?? "").Split(',',
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            checks = item.Split('=') switch
            {
                ["no-races"] => checks with { Races = false },
                ["no-bounds"] => checks with { Bounds = false },
                ["no-uninitialised"] => checks with { Uninitialised = false },
                ["contract"] => checks with { Contract = true },
                ["counters"] => checks with { Counters = true },
                ["threads", var n] when Number(n) is > 0 and var threads => checks with { Threads = threads },
                ["worst-case", var n] when Number(n) is >= 0 and var seed
                    => checks with { WorstCase = true, Seed = seed },
                _ => throw new FormatException(
                    $"{Variable} has \"{item}\"; expected {Expected}, separated by commas"),
            };
        return checks;
    }

    static int Number(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : -1;
}
