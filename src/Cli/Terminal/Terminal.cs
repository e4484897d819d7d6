using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>The output of a run: one writer for results, another for remarks and errors.</summary>
/// <param name="Out">Writer for results.</param>
/// <param name="Error">Writer for progress, remarks, and the one line of an error.</param>
/// <param name="OutIsTerminal">Whether results have colours and the window's width.</param>
/// <param name="ErrorIsTerminal">Whether progress bars are shown.</param>
sealed record Terminal(TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal)
{
    // A pipe has no width. All tables fit into this width, so none is folded.
    const int WidthOfPipes = 400;

    /// <summary>Returns the streams of the process.</summary>
    public static Terminal OfProcess()
        => new(Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    /// <summary>Opens a console for tables and colours on <see cref="Out"/>.</summary>
    public IAnsiConsole Rich() => Open(Out, OutIsTerminal);

    /// <summary>Opens a console for progress bars on <see cref="Error"/>.</summary>
    public IAnsiConsole RichError() => Open(Error, ErrorIsTerminal);

    static IAnsiConsole Open(TextWriter writer, bool terminal)
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
        return console;
    }
}
