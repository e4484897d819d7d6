using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HeadTap.Kernels;

/// <summary>
/// Takes the operands of inline instructions out of local memory, in the PTX text that ILGPU wrote.
/// </summary>
/// <remarks>
/// ILGPU 1.5.3 writes every operand of an inline instruction to a local variable, reads it into a register,
/// and writes results back the same way. ptxas makes registers of such variables, but not in a kernel that
/// has a cp.async: there, the TF32 product kept 2976 bytes of them per thread and reached local memory around
/// each of its 64 HMMA (ptxas 11.8, sm_80 and sm_90). Here every variable becomes one register for each place
/// in it that is read or written, provided that nothing else is done with it; what is left over is as it was.
/// </remarks>
public static partial class PtxLocals
{
    /// <summary>The same kernel, its local variables in registers where that is possible.</summary>
    public static string ToRegisters(string ptx)
    {
        ArgumentNullException.ThrowIfNull(ptx);
        string[] lines = ptx.Split('\n');
        Dictionary<string, string> variableOf = []; // address register -> variable
        Dictionary<string, int> widths = [];        // register and offset -> bits
        foreach (Match m in lines.Select(l => AddressOf().Match(l)).Where(m => m.Success))
            variableOf[m.Groups["register"].Value] = m.Groups["variable"].Value;
        HashSet<string> stays = [];
        foreach (string line in lines)
            Classify(line, variableOf, widths, stays);
        foreach (string register in variableOf.Keys.Where(r => !Apart(r, widths)))
            stays.Add(register);
        return Rewritten(lines, variableOf, widths, stays);
    }

    static void Classify(
        string line, Dictionary<string, string> variableOf, Dictionary<string, int> widths,
        HashSet<string> stays)
    {
        Match access = Access().Match(line);
        foreach (Match use in Register().Matches(line))
        {
            string register = use.Value;
            if (!variableOf.ContainsKey(register) || AddressOf().IsMatch(line))
                continue;
            string? place = access.Success && access.Groups["register"].Value == register
                && access.Groups["value"].Value != register ? Place(access) : null;
            int bits = access.Success ? Bits(access) : 0;
            if (place is null || (widths.TryGetValue(place, out int before) && before != bits))
                stays.Add(register);
            else
                widths[place] = bits;
        }
    }

    // Places of one variable that overlap cannot be registers of their own.
    static bool Apart(string register, Dictionary<string, int> widths)
    {
        int end = 0;
        foreach ((int at, int bits) in widths
            .Where(w => w.Key.StartsWith(register + "+", StringComparison.Ordinal))
            .Select(w =>
                (int.Parse(w.Key.AsSpan(register.Length + 1), CultureInfo.InvariantCulture), w.Value))
            .Order())
        {
            if (at < end)
                return false;
            end = at + bits / 8;
        }
        return true;
    }

    static string Rewritten(
        string[] lines, Dictionary<string, string> variableOf, Dictionary<string, int> widths,
        HashSet<string> stays)
    {
        HashSet<string> gone = [.. variableOf.Where(v => !stays.Contains(v.Key)).Select(v => v.Value)];
        Dictionary<string, string> names = widths.Keys.Select((place, i) => (place, i))
            .ToDictionary(p => p.place, p => $"%local{p.i}");
        var text = new StringBuilder();
        bool declared = false;
        foreach (string line in lines)
        {
            Match declaration = Declaration().Match(line), address = AddressOf().Match(line),
                access = Access().Match(line);
            if (!declared && line.StartsWith("\t.reg", StringComparison.Ordinal))
            {
                foreach ((string place, int bits) in widths.Where(w => !stays.Contains(w.Key.Split('+')[0])))
                    text.Append(CultureInfo.InvariantCulture, $"\t.reg .b{bits} {names[place]};\n");
                declared = true;
            }
            if ((declaration.Success && gone.Contains(declaration.Groups["variable"].Value))
                || (address.Success && gone.Contains(address.Groups["variable"].Value)))
                continue;
            bool moved = access.Success && variableOf.ContainsKey(access.Groups["register"].Value)
                && !stays.Contains(access.Groups["register"].Value);
            text.Append(moved ? Move(access, names[Place(access)]) : line).Append('\n');
        }
        text.Length--; // the last line had no end of its own
        return text.ToString();
    }

    static string Move(Match access, string name)
    {
        string value = access.Groups["value"].Value, bits = $"\tmov.b{Bits(access)}\t";
        return access.Groups["kind"].Value == "st" ? $"{bits}{name}, {value};" : $"{bits}{value}, {name};";
    }

    static string Place(Match access)
        => access.Groups["register"].Value + "+"
            + (access.Groups["offset"].Success ? access.Groups["offset"].Value : "0");

    static int Bits(Match access) => int.Parse(access.Groups["bits"].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\tmov\.b64\t(?<register>%rd\d+), (?<variable>__local_depot\d+);")]
    private static partial Regex AddressOf();

    [GeneratedRegex(@"^\t\.local .*\b(?<variable>__local_depot\d+)\[")]
    private static partial Regex Declaration();

    [GeneratedRegex(
        @"^\t(?:(?<kind>st)\.local\.[bfus](?<bits>32|64)\t\[(?<register>%rd\d+)(?:\+(?<offset>\d+))?\], "
        + @"(?<value>[^;{]+)|"
        + @"(?<kind>ld)\.local\.[bfus](?<bits>32|64)\t(?<value>%\w+), "
        + @"\[(?<register>%rd\d+)(?:\+(?<offset>\d+))?\]);\r?$")]
    private static partial Regex Access();

    [GeneratedRegex(@"%rd\d+")]
    private static partial Regex Register();
}
