using System.CommandLine;
using HeadTap.Runtime;
using HeadTap.Serve;

namespace HeadTap.Cli;

/// <summary>
/// The verbs that jobs of a server may run, with the options of their own commands. An option that is added
/// to a verb can be given in a job too; what jobs may touch is checked by the options' types.
/// </summary>
sealed class JobVerbs : IJobVerbs
{
    static readonly string[] s_verbs =
    [
        "eval", "attribute", "heads", "patch", "lens train", "lens eval", "lens scan", "lens memory",
        "inject compare", "inject sweep", "inject evaluate", "inject random", "unlearn data", "unlearn run",
        "unlearn sweep", "unlearn measure", "unlearn relearn", "unlearn apply", "merge run", "merge align",
        "landscape line", "landscape plane", "landscape curve", "landscape curvature",
    ];

    // A config names files in its turn, in YAML too, which nobody looks through here.
    static readonly string[] s_refused = ["--config"];

    // Of the options that all verbs share, jobs have this one; the server's owner chose device and threads.
    static readonly string[] s_shared = ["--seed"];

    /// <inheritdoc/>
    public IReadOnlyList<JobVerb> All { get; } =
        [.. s_verbs.Select(name => Describe(name, Find(Root(), name)))];

    /// <inheritdoc/>
    public IReadOnlyList<string> Check(IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Root().Parse(
            arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
            throw new UserException(CommandLine.Sentence(parsed));
        if (PathCheck.Wrong(parsed) is { } wrong)
            throw new UserException(wrong);
        return [.. parsed.CommandResult.Command.Options.OfType<IPathOption>()
            .SelectMany(option => option.Paths(parsed).SelectMany(p => option.NamedIn(p).Prepend(p)))];
    }

    static RootCommand Root()
        => CommandLine.Root(new Terminal(TextWriter.Null, TextWriter.Null, false, false), default);

    static Command Find(Command root, string name) => name.Split(' ')
        .Aggregate(root, (at, word) => at.Subcommands.Single(c => c.Name == word));

    static JobVerb Describe(string name, Command command)
    {
        Command root = command;
        while (root.Parents.OfType<Command>().FirstOrDefault() is { } parent)
            root = parent;
        return new JobVerb(name, command.Description ?? "",
        [
            .. command.Options.Where(o => !o.Hidden && !s_refused.Contains(o.Name) && !IsHelp(o))
                .Concat(root.Options.Where(o => s_shared.Contains(o.Name)))
                .Select(o => new JobOption(o.Name, Kind(o), o.Arity.MaximumNumberOfValues > 1, o.Required,
                    o is IPathOption { HasCommas: true }, o.Description ?? "")),
        ]);
    }

    static bool IsHelp(Option option) => option is System.CommandLine.Help.HelpOption;

    static JobOptionKind Kind(Option option) => option is IPathOption path
        ? path.Use == PathUse.Reads ? JobOptionKind.Reads : JobOptionKind.Writes
        : option.ValueType == typeof(bool) ? JobOptionKind.Flag : JobOptionKind.Value;
}
