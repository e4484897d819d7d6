using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>The output of a run: one writer for results, another for remarks and errors.</summary>
/// <param name="Out">Writer for results.</param>
/// <param name="Error">Writer for progress, remarks, and the one line of an error.</param>
/// <param name="OutIsTerminal">Whether results have colours and the window's width.</param>
/// <param name="ErrorIsTerminal">Whether progress bars are shown.</param>
/// <param name="Width">Columns of the window; null asks the system.</param>
sealed record Terminal(TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal,
    int? Width = null)
{
    // A pipe has no width. All tables fit into this width, so none is folded.
    const int WidthOfPipes = 400;

    /// <summary>Returns the streams of the process.</summary>
    public static Terminal OfProcess()
        => new(new StandardStream(() => Console.Out, isResult: true),
            new StandardStream(() => Console.Error, isResult: false),
            !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    /// <summary>Opens a console for tables and colours on <see cref="Out"/>.</summary>
    public IAnsiConsole Rich() => Open(Out, OutIsTerminal, Width);

    /// <summary>Opens a console for progress bars on <see cref="Error"/>.</summary>
    public IAnsiConsole RichError() => Open(Error, ErrorIsTerminal, Width);

    static IAnsiConsole Open(TextWriter writer, bool terminal, int? width)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = terminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!terminal)
            console.Profile.Width = WidthOfPipes;
        else if (width is { } columns)
            console.Profile.Width = columns;
        return console;
    }
}
