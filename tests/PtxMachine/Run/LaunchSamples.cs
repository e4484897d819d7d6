using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// Runs some blocks of every launch instead of all, and keeps what each launch counted; results of kernels
/// are then incomplete. A launch that differs from an earlier one in the places of its operands alone does
/// not run: it counts as another of the same.
/// </summary>
/// <param name="blocks">As many run of a launch, spread over its grid.</param>
public sealed class LaunchSamples(int blocks)
{
    // Steps of the golden ratio: places within equal parts of a grid that follow no period of it.
    const double Golden = 0.6180339887498949;

    readonly Dictionary<string, int> _places = [];
    readonly List<LaunchSample> _taken = [];

    /// <summary>The launches that ran, in the order of their first.</summary>
    public IReadOnlyList<LaunchSample> Taken => _taken;

    /// <summary>Forgets all launches.</summary>
    public void Clear()
    {
        _places.Clear();
        _taken.Clear();
    }

    /// <summary>Counts a launch that one before it speaks for; false where there is none.</summary>
    internal bool Repeats(string key)
    {
        if (!_places.TryGetValue(key, out int place))
            return false;
        _taken[place] = _taken[place] with { Times = _taken[place].Times + 1 };
        return true;
    }

    /// <summary>Keeps what a launch counted.</summary>
    internal void Add(string key, LaunchSample sample)
    {
        _places[key] = _taken.Count;
        _taken.Add(sample);
    }

    /// <summary>Numbers of the blocks that run of a grid: one of each of as many equal parts.</summary>
    internal long[] Choose(long grid)
    {
        if (grid <= blocks)
            return [.. Enumerable.Range(0, (int)grid).Select(i => (long)i)];
        long[] numbers = new long[blocks];
        for (int i = 0; i < blocks; i++)
        {
            long from = grid * i / blocks, past = grid * (i + 1) / blocks;
            numbers[i] = from + (long)((past - from) * ((i + 1) * Golden % 1));
        }
        return numbers;
    }

    /// <summary>What two launches have in common that count the same: all but where operands lie.</summary>
    internal static string Key(
        PtxEntry entry, Dim3 grid, Dim3 block, int sharedBytes, ReadOnlySpan<byte> parameters,
        Allocation[] allocations)
    {
        byte[] rest = parameters.ToArray();
        foreach ((int offset, _) in Operands(parameters, allocations))
        {
            long within = MemoryMarshal.Read<long>(rest.AsSpan(offset)) & 127;
            MemoryMarshal.Write(rest.AsSpan(offset), in within);
        }
        return $"{entry.Name} {grid} {block} {sharedBytes} {Convert.ToHexString(rest)}";
    }

    /// <summary>The entry and its parameters, without the numbers and the marks that ILGPU adds: ILGPU's
    /// names of entries lack the class.</summary>
    internal static string Signature(PtxEntry entry)
        => $"{entry.Name}({string.Join(", ", entry.Parameters.Select(p => Plain(p.Name)))})";

    static string Plain(string parameter)
        => parameter.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9').Trim('_');

    /// <summary>Offsets of the parameters that are addresses, and the lengths of what they point to, as the
    /// number behind each counts it in words.</summary>
    internal static IEnumerable<(int Offset, long Bytes)> Operands(
        ReadOnlySpan<byte> parameters, Allocation[] allocations)
    {
        List<(int, long)> found = [];
        for (int offset = 0; offset + 8 <= parameters.Length; offset += 8)
        {
            nint address = MemoryMarshal.Read<nint>(parameters[offset..]);
            if (DeviceMemory.Find(allocations, address) is not (>= 0 and var at))
                continue;
            long room = allocations[at].Start + allocations[at].Bytes - address, words = offset + 16
                <= parameters.Length ? MemoryMarshal.Read<long>(parameters[(offset + 8)..]) : room / 4;
            found.Add((offset, words > 0 && words <= room / 4 ? 4 * words : room));
        }
        return found;
    }
}
