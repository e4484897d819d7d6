using System.Globalization;
using System.Reflection;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>
/// The table on the screen and the same rows in FOLDER/&lt;device&gt;/gpu.csv: appended to, never rewritten.
/// </summary>
sealed class Results
{
    const string Header = "date,revision,device,versions,command,work,shape,ours,peer,ours_ms,theirs_ms,"
        + "ratio,ratio_low,ratio_high,ops,enqueue_ms,note,least_ms,of_least";
    readonly string _start, _path;
    readonly Card? _card;
    readonly IReadOnlyList<EstimateEntry> _estimates;
    readonly List<(string Row, double Times)> _beside = [];

    internal Results(ComputeDevice device, Options options, string versions, string[] command)
    {
        string name = string.Concat(device.Entry.Description.Select(
            c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
        _path = Path.Combine(options.Out, name.Trim('-'), "gpu.csv");
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        if (!File.Exists(_path))
            File.WriteAllText(_path, Header + "\n");
        string revision = typeof(Results).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        string date = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm'Z'", CultureInfo.InvariantCulture);
        _start = $"{date},{revision},{Cell(device.Entry.Description)},{Cell(versions)},"
            + Cell("bench/gpu/run " + string.Join(' ', command));
        Console.WriteLine($"{device.Entry.Description}; {versions}; rows go to {_path}");
        _card = Card.Of(options.Card.Length > 0 ? options.Card : device.Entry.Description);
        string table = Path.Combine(AppContext.BaseDirectory, EstimateTable.Name);
        _estimates = File.Exists(table) ? EstimateTable.Read(table) : [];
        Console.WriteLine(_card is null ? "no estimate is beside the times: none was made for this device"
            : $"least: milliseconds of the estimate for {_card.Name}, and the measured time over them");
        Console.WriteLine($"{"work",-22} {"shape",-22} {"ours",-9} {"peer",-21} {"ours ms",9} "
            + $"{"theirs ms",9} {"ratio",6}  spread");
    }

    /// <summary>Adds a row.</summary>
    /// <param name="work">What was run.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="ours">How we ran it: our precision and variant.</param>
    /// <param name="peer">Who stands beside it and how; empty for nobody.</param>
    /// <param name="turns">The times.</param>
    /// <param name="ops">Our ops in one run, each at least one launch; 0 where it says nothing.</param>
    /// <param name="enqueueMs">Until our call returned, the device still at work; 0 where not
    /// measured.</param>
    /// <param name="note">Anything else.</param>
    internal void Add(string work, string shape, string ours, string peer, Turns turns, long ops = 0,
        double enqueueMs = 0, string note = "")
    {
        string spread = double.IsNaN(turns.Ratio) ? "" : $"{turns.Lowest:0.00} to {turns.Highest:0.00}";
        EstimateEntry? least = EstimateTable.Find(_estimates, _card, work, shape, ours);
        double times = least is null ? double.NaN : turns.OursMs / least.LeastMs;
        string ratio = double.IsNaN(turns.Ratio) ? ""
            : turns.Ratio.ToString("0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"{work,-22} {shape,-22} {ours,-9} {peer,-21} {Show(turns.OursMs),9} "
            + $"{Show(turns.TheirsMs),9} {ratio,6}  {spread}"
            + (ops > 0 ? $"  {ops} ops, enqueued in {Show(enqueueMs)} ms" : "")
            + (note.Length > 0 ? $"  {note}" : "")
            + (least is null ? "" : $"  least {Show(least.LeastMs)} ({least.Bound}), {Show(times)} times"));
        File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture,
            $"{_start},{Cell(work)},{Cell(shape)},{Cell(ours)},{Cell(peer)},{Number(turns.OursMs)},"
            + $"{Number(turns.TheirsMs)},{Number(turns.Ratio)},{Number(turns.Lowest)},"
            + $"{Number(turns.Highest)},"
            + $"{(ops > 0 ? ops : "")},"
            + $"{(enqueueMs > 0 ? Number(enqueueMs) : "")},{Cell(note)},"
            + $"{(least is null ? "" : Number(least.LeastMs))},{Number(times)}\n"));
        if (least is not null)
            _beside.Add(($"{work} {shape} {ours}", times));
    }

    /// <summary>Says how the times compare with the estimate.</summary>
    internal void Summarize()
    {
        if (_beside.Count == 0)
            return;
        (string Row, double Times)[] sorted = [.. _beside.OrderBy(b => b.Times)];
        (string leastRow, double lowest) = sorted[0];
        (string mostRow, double highest) = sorted[^1];
        Console.WriteLine($"{sorted.Length} times over their estimates: median "
            + $"{Show(sorted[sorted.Length / 2].Times)}, lowest {Show(lowest)} ({leastRow}), "
            + $"highest {Show(highest)} ({mostRow})");
        // An estimate is a bound: a device cannot be faster than all that it must do.
        if (lowest < 1)
            Console.WriteLine("a time is below its estimate: the estimate counts too much, or a rate of "
                + "bench/gpu/Estimate/Card.cs is too low");
    }

    static string Show(double ms) => double.IsNaN(ms) ? "" : ms.ToString("G4", CultureInfo.InvariantCulture);

    static string Number(double value)
        => double.IsNaN(value) ? "" : value.ToString("G5", CultureInfo.InvariantCulture);

    static string Cell(string text) => text.Replace(',', ';').Replace('"', '\'').ReplaceLineEndings(" ");
}
