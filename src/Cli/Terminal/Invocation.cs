using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using HeadTap.Reports;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// One run of a verb: its global options, and the methods that print results, remarks and progress.
/// </summary>
sealed class Invocation
{
    readonly Terminal _terminal;
    readonly string _device;
    readonly Precision _precision;
    readonly Interrupt? _interrupt;

    internal Invocation(Terminal terminal, string device, Precision precision, ulong? seed, int threads,
        bool json,
        bool quiet, CancellationToken cancel, Interrupt? interrupt = null)
    {
        if (threads is < 0 or > 1024)
            throw new UserException($"--threads is {threads}; expected 1 to 1024, or 0 for all cores");
        (_terminal, _device, _precision, _interrupt) = (terminal, device, precision, interrupt);
        (Cancel, GivenSeed, Json, Quiet) = (cancel, seed, json, quiet);
        if (threads > 0)
            ComputeDevice.HostThreadCount = threads;
    }

    /// <summary>The token that Ctrl-C cancels.</summary>
    public CancellationToken Cancel { get; }

    /// <summary>The seed of the command line; null if not given.</summary>
    public ulong? GivenSeed { get; }

    public ulong Seed => GivenSeed ?? 0;

    public bool Json { get; }

    public bool Quiet { get; }

    /// <summary>Whether a progress bar can be seen.</summary>
    public bool ShowsProgress => !Quiet && _terminal.ErrorIsTerminal;

    public TextWriter Out => _terminal.Out;

    /// <summary>Says that the verb is one whose call goes on when it is repeated: see
    /// <see cref="StopCode"/>.</summary>
    public void CanRunAgain() => _interrupt?.CanRunAgain();

    /// <summary>The exit code of such a verb when it was stopped: <see cref="ExitCode.Again"/>, but for
    /// Ctrl-C.</summary>
    public int StopCode => _interrupt?.Code ?? ExitCode.Again;

    /// <summary>
    /// Prints a line of the result; on a terminal with control characters as escapes, in a pipe as it is.
    /// </summary>
    public void Line(string text = "")
        => _terminal.Out.WriteLine(_terminal.OutIsTerminal ? Printable.Of(text) : text);

    /// <summary>Prints a remark on stderr, so that results can be piped.</summary>
    public void Remark(string text)
    {
        if (!Quiet)
            _terminal.Error.WriteLine(Printable.Of(text));
    }

    /// <summary>Prints a table of the result; one that is too wide for the terminal in pieces.</summary>
    public void Draw(Table table)
    {
        IAnsiConsole console = _terminal.Rich();
        foreach (Table piece in TablePieces.Of(table, console))
            console.Write(piece);
    }

    /// <summary>Prints the result as JSON.</summary>
    /// <returns><see cref="ExitCode.Done"/></returns>
    public int WriteJson<TResult>(TResult result, JsonTypeInfo<TResult> type)
    {
        _terminal.Out.WriteLine(JsonSerializer.Serialize(result, type));
        return ExitCode.Done;
    }

    /// <summary>The context of a job, without a progress bar.</summary>
    public JobContext Context => new()
    {
        DeviceName = _device, Precision = _precision, GivenSeed = GivenSeed, Remark = Remark,
        Naming = CommandLine.Flag, Cancel = Cancel,
    };

    /// <summary>
    /// Runs a job. Its remarks go to stderr, its progress to a bar if stderr is a terminal.
    /// </summary>
    public TResult RunJob<TResult>(Func<JobContext, TResult> job)
    {
        if (!ShowsProgress)
            return job(Context with { Progress = ProgressFile.OfProcess() is { } file ? file.Write : null });
        var bars = new Dictionary<string, ProgressTask>();
        IAnsiConsole error = _terminal.RichError();
        return Bars(error).Start(console => job(Context with
        {
            // Through the bars' console, which draws them again below; else they would wipe the line out.
            Remark = text => error.Write(new Text(Printable.Of(text) + "\n")),
            Progress = at =>
            {
                if (!bars.TryGetValue(at.Title, out ProgressTask? bar))
                    bars[at.Title] = bar = console.AddTask(Safe(at.Title), maxValue: 1);
                bar.Value = at.Share;
                bar.Description = Safe(at.Note.Length > 0 ? $"{at.Title} ({at.Note})" : at.Title);
            },
        }));

        static string Safe(string text) => Markup.Escape(Printable.Of(text));
    }

    static Progress Bars(IAnsiConsole console) => console.Progress().AutoClear(true)
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
            new RemainingTimeColumn());

    /// <summary>Makes a table with a first column of text and further columns of numbers.</summary>
    public static Table Table(params ReadOnlySpan<string> columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        for (int i = 0; i < columns.Length; i++)
        {
            var column = new TableColumn(new Text(Printable.Of(columns[i]))) { NoWrap = true };
            table.AddColumn(i == 0 ? column : column.RightAligned());
        }
        return table;
    }

    /// <summary>
    /// Adds a row of plain text, without markup. A number that rounds to zero has no sign; "-0" alone may be
    /// a token.
    /// </summary>
    public static void Row(Table table, params ReadOnlySpan<string> cells)
        => table.AddRow(cells.ToArray().Select((cell, i) =>
        {
            bool number = cell.Length > 2 && table.Columns[i].Alignment == Justify.Right;
            return new Text(Printable.Of(number ? NumberText.WithoutMinusZero(cell) : cell));
        }));
}
