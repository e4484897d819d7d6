using System.Collections;
using System.Text.RegularExpressions;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Finds branches that PTX calls uniform, <c>bra.uni</c>, though threads of a warp may disagree on them: PTX
/// leaves undefined what then happens, and ptxas makes use of it.
/// </summary>
static partial class PtxBranches
{
    /// <summary>
    /// The lines of such branches. A register may differ between threads if the instruction that set it reads
    /// the thread's index, is a shuffle or loads a tensor-core operand, or reads a register that may differ,
    /// a load by such an address included. ILGPU uses a register for many values, so this follows the code's
    /// paths.
    /// </summary>
    public static IReadOnlyList<string> Divergent(string ptx)
        => [.. Entry().Split(ptx).SelectMany(entry => InEntry(
            [.. entry.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0)]))];

    static IEnumerable<string> InEntry(string[] lines)
    {
        Step[] steps = Steps(lines, out int registers);
        // What may differ where a run of steps begins: at the entry and at each label.
        var differing = new Dictionary<int, BitArray> { [0] = new(registers) };
        var open = new Queue<int>([0]);
        SortedSet<int> found = [];
        while (open.TryDequeue(out int at))
        {
            var now = new BitArray(differing[at]);
            for (int i = at; i < steps.Length; i++)
            {
                Step step = steps[i];
                if (i > at && step.IsLabel)
                {
                    Reach(i, now, differing, open);
                    break;
                }
                bool reads = Array.Exists(step.Read, r => now[r]);
                if (step.IsUniform && reads)
                    found.Add(i);
                if (step.Target >= 0)
                    Reach(step.Target, now, differing, open);
                if (step.Ends)
                    break;
                foreach (int register in step.Written)
                    if (step.Differs || reads)
                        now[register] = true;
                    else if (!step.IsGuarded)
                        now[register] = false;
            }
        }
        return found.Select(i => lines[i]);
    }

    static void Reach(int step, BitArray now, Dictionary<int, BitArray> differing, Queue<int> open)
    {
        if (!differing.TryGetValue(step, out BitArray? before))
            differing[step] = new(now);
        else
        {
            BitArray news = new BitArray(before).Not().And(now);
            if (!news.HasAnySet())
                return;
            before.Or(now);
        }
        open.Enqueue(step);
    }

    // What a line does, its registers by numbers.
    sealed record Step(int[] Read, int[] Written)
    {
        public bool IsLabel { get; init; }
        public bool IsGuarded { get; init; }
        public bool IsUniform { get; init; }
        public bool Differs { get; init; }
        public bool Ends { get; init; }
        public int Target { get; init; } = -1;
    }

    static Step[] Steps(string[] lines, out int registers)
    {
        Dictionary<string, int> labels = lines.Index().Where(l => l.Item.EndsWith(':'))
            .ToDictionary(l => l.Item[..^1], l => l.Index);
        var numbers = new Dictionary<string, int>();
        int Number(string register)
            => numbers.TryGetValue(register, out int n) ? n : numbers[register] = numbers.Count;
        Step[] steps = [.. lines.Select(line => Of(line, labels, Number))];
        registers = numbers.Count;
        return steps;
    }

    static Step Of(string line, Dictionary<string, int> labels, Func<string, int> number)
    {
        Match m = Instruction().Match(line);
        if (!m.Success)
            return new([], []) { IsLabel = line.EndsWith(':') };
        string name = m.Groups["name"].Value, operands = m.Groups["operands"].Value;
        string guard = m.Groups["guard"].Value.TrimStart('!');
        int[] Registers(string text) => [.. Register().Matches(text).Select(r => number(r.Value))];
        if (name == "bra")
            return new(Registers(guard), [])
            {
                IsUniform = line.Contains("bra.uni", StringComparison.Ordinal),
                IsGuarded = guard.Length > 0, Ends = guard.Length == 0, Target = labels[operands.Trim()],
            };
        if (name is "st" or "bar" or "ret" || operands.Length == 0)
            return new([], []) { Ends = name == "ret" && guard.Length == 0 };
        // A vector of results, in braces, or one result.
        Match results = operands.StartsWith('{') ? Braces().Match(operands) : First().Match(operands);
        string read = guard + operands[results.Length..];
        return new(Registers(read), Registers(results.Value))
        {
            IsGuarded = guard.Length > 0,
            Differs = name is "shfl" or "ldmatrix" || ThreadIndex().IsMatch(read),
        };
    }

    [GeneratedRegex(@"^\.(?:visible )?\.?entry\b", RegexOptions.Multiline)]
    private static partial Regex Entry();

    [GeneratedRegex(@"^(?:@(?<guard>!?%\w+)\s+)?(?<name>[a-z]\w*)[\w.:]*\s*(?<operands>[^;]*);")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"^\{[^}]*\}")]
    private static partial Regex Braces();

    [GeneratedRegex(@"^[^,]+")]
    private static partial Regex First();

    [GeneratedRegex(@"%tid\.|%laneid|%lanemask")]
    private static partial Regex ThreadIndex();

    [GeneratedRegex(@"%\w+")]
    private static partial Regex Register();
}
