using System.Globalization;
using HeadTap.PtxMachine;

namespace HeadTap.Gpu;

/// <summary>The page that an estimate is written to, one part an architecture.</summary>
sealed class EstimatePage : IDisposable
{
    const int WorstShown = 8, SectorsPerCycle = 4;

    readonly StreamWriter _out;

    internal EstimatePage(Options options)
    {
        Path = System.IO.Path.Combine(options.Out, "estimate-ptx.md");
        Directory.CreateDirectory(options.Out);
        _out = new StreamWriter(Path) { NewLine = "\n" };
        string only = options.Only.Length > 0 ? $" --only \"{options.Only}\"" : "";
        _out.WriteLine($"""
            # Estimates for GPUs: no measurement

            Made by `bench/gpu/estimate --blocks {options.Blocks}{only}`. No GPU ran anything here. The
            interpreter of PTX (`tests/PtxMachine`) ran at most {options.Blocks} blocks of every launch,
            spread over its grid, and counted; counts are multiplied by the blocks of the grid over those
            that ran. A time is a count over a published rate (`bench/gpu/Estimate/Card.cs`, sources there),
            and the longest time bounds a launch. A real kernel is slower by what is left out: latency,
            registers and how many blocks fit, the second-level cache, integers, launches. So "at most" is
            the share of peak that the bound allows, and the goal is what the bench asks of a measurement.

            - fp32 counts what ptxas is expected to make: a product and a sum are one instruction. int and
              the rest are PTX as ILGPU writes it, of which ptxas drops much, so they bound nothing here.
            - asked: sectors of 32 bytes that warps touch; useful: bytes that lanes use of them; memory:
              each operand once, or what is asked of it where that is less.
            - shared: cycles of 128 bytes; its time has global memory's sectors too, which take the same
              path.
            - The tensor cores' rates of H100 and H200 are those of wgmma; mma.sync, which is used here,
              gets less.
            - A launch takes as long as its busiest multiprocessor: ceil(blocks / multiprocessors).

            TFLOP/s are peaks; special and shared are lanes and bytes a cycle and multiprocessor.

            | card | PTX | multiprocessors | GHz | fp32 | tf32 | bf16 | special | shared | GB/s |
            |---|---|---|---|---|---|---|---|---|---|
            """);
        foreach (Card c in Card.All)
            Line(c.Name, c.Architecture, $"{c.Multiprocessors}", Number(c.ClockGhz), Tera(c, "fp32"),
                Tera(c, "tf32"), Tera(c, "bf16"), $"{c.Special}", $"{c.SharedBytes}", $"{c.MemoryGBs}");
    }

    /// <summary>Where it lies.</summary>
    internal string Path { get; }

    /// <summary>Writes an architecture's part: counts, times on its cards, the worst accesses.</summary>
    internal void Write(string architecture, IReadOnlyList<EstimateRow> rows)
    {
        WriteCounts(architecture, rows);
        foreach (Card card in Card.All.Where(c => c.Architecture == architecture))
            WriteTimes(card, rows);
        foreach (EstimateRow step in rows.Where(r => r.Work == EstimateCases.TrainingStep))
            WriteKernels(Card.All.First(c => c.Architecture == architecture), step);
        WriteWorst(architecture, rows);
        _out.Flush();
    }

    /// <summary>Ends the page.</summary>
    public void Dispose() => _out.Dispose();

    void WriteCounts(string architecture, IReadOnlyList<EstimateRow> rows)
    {
        Head($"Counts on {architecture}", """
            Instructions of a warp in thousands, bytes in MB, barriers in thousands of warps.

            """, "work", "shape", "products", "launches", "blocks run", "fp32", "int", "special",
            "load/store", "mma", "asked", "useful", "memory", "shared cycles", "conflicts", "barriers");
        foreach (EstimateRow row in rows)
        {
            double Sum(Func<LaunchWork, double> of) => row.Launches.Sum(l => of(l) * l.Times);
            string Thousands(Func<LaunchWork, double> of) => Number(Sum(of) / 1e3);
            string Mega(Func<LaunchWork, double> of) => Number(Sum(of) / 1e6);
            Line(row.Work, row.Shape, row.Precision, $"{row.Launches.Sum(l => l.Times)}",
                $"{row.Samples.Sum(s => s.BlocksRun)} of {row.Samples.Sum(s => s.Grid.Count * s.Times)}",
                Thousands(l => l.Mix.Fp32), Thousands(l => l.Mix.Integer), Thousands(l => l.Mix.Special),
                Thousands(l => l.Mix.LoadStore), Thousands(l => l.Mix.Mma), Mega(l => l.SectorBytes),
                Mega(l => l.UsefulBytes), Mega(l => l.MemoryBytes), Thousands(l => l.SharedCycles),
                Percent(Sum(l => l.Conflicts) / Sum(l => l.SharedCycles)), Thousands(l => l.Barriers));
        }
    }

    void WriteTimes(Card card, IReadOnlyList<EstimateRow> rows)
    {
        Head($"Estimated times on {card.Name}", """
            Microseconds by each resource alone; "least" is the sum over launches of each one's
            longest.

            """, "work", "shape", "products", "fp32", "mma", "special", "shared", "memory", "bound by",
            "least", "at most", "goal");
        foreach (EstimateRow row in rows)
        {
            var times = Roofline.Of(card, row.Launches);
            Line(row.Work, row.Shape, row.Precision, Micro(times.Fp32), Micro(times.Mma),
                Micro(times.Special), Micro(times.Shared), Micro(times.Memory), times.Bound,
                Micro(times.Total), Percent(row.Share(card, times.Total)),
                row.Goal > 0 ? Percent(row.Goal) : "");
        }
    }

    void WriteKernels(Card card, EstimateRow step)
    {
        Head($"Kernels of a {step.Work} in {step.Precision} on {card.Name}, estimated",
            "The longest first.\n", "kernel", "launches", "least, µs", "of the step", "bound by");
        double all = Roofline.Of(card, step.Launches).Total;
        foreach (var kernel in step.Launches.GroupBy(l => l.Kernel)
            .Select(g => (Name: g.Key, Times: g.Sum(l => l.Times), Line: Roofline.Of(card, g)))
            .OrderByDescending(k => k.Line.Total).Take(WorstShown))
            Line($"`{kernel.Name}`", $"{kernel.Times}", Micro(kernel.Line.Total),
                Percent(kernel.Line.Total / all), kernel.Line.Bound);
    }

    void WriteWorst(string architecture, IReadOnlyList<EstimateRow> rows)
    {
        (string, Func<AccessCount, double>, Func<AccessCount, double>)[] kinds =
        [
            ("bank conflicts", a => a.BankConflicts, a => a.SharedCycles),
            ("global accesses apart", a => (double)(a.LoadedSectors + a.StoredSectors - a.LeastSectors)
                / SectorsPerCycle, a => (double)(a.LoadedSectors + a.StoredSectors) / SectorsPerCycle),
        ];
        foreach ((string kind, var lost, var cycles) in kinds)
        {
            Head($"Worst on {architecture}: {kind}", """
                Cycles that a placement side by side would not need, in thousands, all launches
                together; the line of PTX is the worst of the kernel.

                """, "kernel", "in", "lost", "of its cycles", "lines", "worst line");
            foreach (var worst in rows.SelectMany(r => Lost(r, lost, cycles)).GroupBy(l => l.Kernel)
                .Select(g => g.MaxBy(l => l.Cycles)).OrderByDescending(l => l.Cycles).Take(WorstShown))
                Line($"`{worst.Kernel}`", worst.Work, Number(worst.Cycles / 1e3), Percent(worst.Share),
                    $"{worst.Lines}", $"{worst.Worst.Line}: `{worst.Worst.Text}`");
        }
    }

    // A kernel's lost cycles in a piece of work.
    static IEnumerable<(
        string Kernel, string Work, double Cycles, double Share, int Lines, AccessCount Worst)> Lost(
        EstimateRow row, Func<AccessCount, double> lost, Func<AccessCount, double> cycles)
    {
        foreach (var kernel in row.Samples.GroupBy(s => s.Kernel))
        {
            double Sum(Func<AccessCount, double> of)
                => kernel.Sum(s => s.Accesses.Sum(of) * s.Scale * s.Times);
            AccessCount[] losing = [.. kernel.SelectMany(s => s.Accesses).Where(a => lost(a) > 0)];
            if (losing.Length > 0)
                yield return (kernel.Key, $"{row.Work} {row.Shape} {row.Precision}", Sum(lost),
                    Sum(lost) / Sum(cycles), losing.DistinctBy(a => a.Line).Count(), losing.MaxBy(lost));
        }
    }

    void Head(string title, string text, params string[] columns)
    {
        _out.WriteLine($"\n## {title}\n\n{text}");
        Line(columns);
        _out.WriteLine($"|{string.Concat(columns.Select(_ => "---|"))}");
    }

    void Line(params string[] cells) => _out.WriteLine($"| {string.Join(" | ", cells)} |");

    static string Tera(Card card, string precision)
        => card.Flops(precision) is > 0 and var flops ? Number(flops / 1e12) : "none";

    static string Micro(double seconds) => Number(seconds * 1e6);

    static string Percent(double share) => double.IsFinite(share)
        ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:0} %") : "";

    static string Number(double value) => value switch
    {
        0 => "0",
        >= 1000 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => value.ToString("G3", CultureInfo.InvariantCulture),
    };
}
