using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>Where a run writes: results to one writer, remarks and errors to the other.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Progress, remarks, the one line of an error.</param>
/// <param name="OutIsTerminal">Colours and the window's width for results.</param>
/// <param name="ErrorIsTerminal">Progress bars.</param>
sealed record Terminal(TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal)
{
    // A pipe has no width; no table of ours is wider, so none is folded there.
    const int WidthOfPipes = 400;

    /// <summary>The process' own streams.</summary>
    public static Terminal OfProcess()
        => new(Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    /// <summary>Tables and colours on <see cref="Out"/>.</summary>
    public IAnsiConsole Rich() => Open(Out, OutIsTerminal);

    /// <summary>Progress bars on <see cref="Error"/>.</summary>
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
