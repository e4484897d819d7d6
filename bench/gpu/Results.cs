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
        + "ratio,ratio_low,ratio_high,ops,enqueue_ms,note";
    readonly string _start, _path;

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
        string ratio = double.IsNaN(turns.Ratio) ? ""
            : turns.Ratio.ToString("0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"{work,-22} {shape,-22} {ours,-9} {peer,-21} {Show(turns.OursMs),9} "
            + $"{Show(turns.TheirsMs),9} {ratio,6}  {spread}"
            + (ops > 0 ? $"  {ops} ops, enqueued in {Show(enqueueMs)} ms" : "")
            + (note.Length > 0 ? $"  {note}" : ""));
        File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture,
            $"{_start},{Cell(work)},{Cell(shape)},{Cell(ours)},{Cell(peer)},{Number(turns.OursMs)},"
            + $"{Number(turns.TheirsMs)},{Number(turns.Ratio)},{Number(turns.Lowest)},"
            + $"{Number(turns.Highest)},"
            + $"{(ops > 0 ? ops : "")},"
            + $"{(enqueueMs > 0 ? Number(enqueueMs) : "")},{Cell(note)}\n"));
    }

    static string Show(double ms) => double.IsNaN(ms) ? "" : ms.ToString("G4", CultureInfo.InvariantCulture);

    static string Number(double value)
        => double.IsNaN(value) ? "" : value.ToString("G5", CultureInfo.InvariantCulture);

    static string Cell(string text) => text.Replace(',', ';').Replace('"', '\'').ReplaceLineEndings(" ");
}
