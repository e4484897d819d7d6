using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.RegularExpressions;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>Parses arguments, runs a verb, and returns its exit code.</summary>
static partial class CommandLine
{
    /// <summary>Runs the command line of the process and returns its exit code.</summary>
    public static int RunProcess(IReadOnlyList<string> args, Terminal terminal, Interrupt interrupt)
        => ArgumentBytes.Wrong(args, ArgumentBytes.OfProcess(args)) is { } wrong ? Refuse(terminal, wrong)
            : Run(args, terminal, interrupt, interrupt.Token);

    /// <summary>Runs one command line and returns the exit code.</summary>
    public static int Run(IReadOnlyList<string> args, Terminal terminal, Interrupt? interrupt = null,
        CancellationToken cancel = default)
    {
        RootCommand root = Root(terminal, cancel, interrupt);
        // No response files: an argument that begins with @ is plain text.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (Swallowed(args, parsed) is { } lost)
            return Refuse(terminal, lost);
        if (parsed.Errors.Count > 0)
            return Refuse(terminal, Sentence(parsed));
        if (PathCheck.Wrong(parsed) is { } wrong)
            return Refuse(terminal, wrong);
        try
        {
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Interrupt handles the signals
            });
        }
        catch (UserException e)
        {
            return Refuse(terminal, e.Written(field => Flag(parsed, field)));
        }
        catch (Exception e) when (DriverFailure.Explain(e) is { } line)
        {
            return Refuse(terminal, Field.Written(line, Flag));
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            terminal.Error.WriteLine("headtap: interrupted");
            return interrupt?.Code ?? ExitCode.Interrupted;
        }
#pragma warning disable CA1031 // the one place where a defect ends: stack and exit code 1
        catch (Exception e)
#pragma warning restore CA1031
        {
            terminal.Error.WriteLine(Printable.Of(e.ToString()));
            return ExitCode.Defect;
        }
    }

    /// <summary>Returns the tree of all verbs with their options.</summary>
    internal static RootCommand Root(
        Terminal terminal, CancellationToken cancel, Interrupt? interrupt = null)
    {
        var global = new GlobalOptions(terminal, cancel, interrupt);
        var root = new RootCommand("Looks into GPT-2 and changes what it finds.\n"
            + "Start with: headtap tour")
        {
            TourCommand.Create(global),
            DevicesCommand.Create(global),
            TokenizeCommand.Create(global),
            TraceCommand.Create(global),
            GradCommand.Create(global),
            AttributeCommand.Create(global),
            GenerateCommand.Create(global),
            EvalCommand.Create(global),
            TrainCommand.Create(global),
            ViewCommand.Create(global),
            HeadsCommand.Create(global),
            LensCommand.Create(global),
            PatchCommand.Create(global),
            InjectCommand.Create(global),
            UnlearnCommand.Create(global),
            MergeCommand.Create(global),
            LandscapeCommand.Create(global),
            SweepCommand.Create(global),
            VerifyCommand.Create(global),
            ProfileCommand.Create(global),
            ReplayCommand.Create(global),
            WeightsCommand.Create(global),
            ServeCommand.Create(global),
        };
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction(terminal);
        global.AddTo(root);
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        return root;
    }

    /// <summary>The flag of an options field: --batch-rows for BatchRows.</summary>
    internal static string Flag(string field) => "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(field);

    // Options that files hold too are named as there: "learning_rate is 0". A verb may have them as flags.
    static string Flag(ParseResult parsed, string field)
    {
        if (char.IsAsciiLetterUpper(field[0]))
            return Flag(field);
        string flag = "--" + field.Replace('_', '-');
        return parsed.CommandResult.Command.Options.Any(o => o.Name == flag) ? flag : field;
    }

    static int Refuse(Terminal terminal, string message)
    {
        // A message may contain names from files; line ends in them are removed.
        terminal.Error.WriteLine("headtap: " + Printable.Of(string.Join(' ', message.Split(['\r', '\n'],
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))));
        return ExitCode.UserError;
    }

    /// <summary>What is wrong with a command line that cannot be parsed, in one line.</summary>
    internal static string Sentence(ParseResult parsed)
    {
        string verb = string.Concat(Verbs(parsed.CommandResult.Command).Reverse().Select(v => v + " "));
        // What is not known comes first: "--modle is not known" says more than "--model is missing".
        string? unknown = parsed.UnmatchedTokens is [var first, ..] ? first : null;
        string? error = unknown is null ? null
            : parsed.Errors.FirstOrDefault(e => e.Message.Contains($"'{unknown}'"))?.Message;
        string hint = error is null ? "" : NearestName.Hint(unknown!, Known(parsed.CommandResult.Command,
            unknown!.StartsWith('-')));
        return $"{Plain((error ?? parsed.Errors[0].Message).TrimEnd('.'))}{hint}; see headtap {verb}--help";
    }

    // The parser takes "--ablation --out" as the value "--out" of --ablation.
    static string? Swallowed(IReadOnlyList<string> args, ParseResult parsed)
    {
        HashSet<string> known = [.. Known(parsed.CommandResult.Command, true)];
        string[] takers = [.. parsed.CommandResult.Children.OfType<OptionResult>()
            .Where(o => o.Tokens.Any(t => known.Contains(t.Value)) && o.IdentifierToken is not null)
            .Select(o => o.IdentifierToken!.Value)];
        for (int i = 0; i + 1 < args.Count && args[i] != "--"; i++)
            if (takers.Contains(args[i]) && known.Contains(args[i + 1]))
                return $"{args[i]} has no value, and {args[i + 1]} is the next option; expected a value, or "
                    + $"{args[i]}={args[i + 1]} if it is meant as one";
        return null;
    }

    // The parser names types of C#: as expected type 'System.Nullable`1[System.UInt64]'.
    static string Plain(string message)
    {
        Match wrong = WrongType().Match(message);
        return !wrong.Success ? message
            : $"{wrong.Groups[2].Value} is {Quoted.Name(wrong.Groups[1].Value)}; expected "
                + (wrong.Groups[3].Value.Contains("Int", StringComparison.Ordinal) ? "a whole number"
                    : wrong.Groups[3].Value.Contains("Bool", StringComparison.Ordinal) ? "true or false"
                    : "a number");
    }

    [GeneratedRegex("^Cannot parse argument '(.*)' for option '(.*)' as expected type '(.*)'$")]
    private static partial Regex WrongType();

    static IEnumerable<string> Known(Command command, bool options)
    {
        if (!options)
            return command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name);
        var names = new List<string>(command.Options.Where(o => !o.Hidden).Select(o => o.Name));
        foreach (Command parent in command.Parents.OfType<Command>())
            names.AddRange(Known(parent, true));
        return names;
    }

    // Returns the verbs from the inside out: for "lens train", train, then lens.
    static IEnumerable<string> Verbs(Command command)
    {
        for (Command? at = command; at is not null and not RootCommand;
            at = at.Parents.OfType<Command>().FirstOrDefault())
            yield return at.Name;
    }
}
