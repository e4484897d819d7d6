using System.CommandLine;
using System.Text.RegularExpressions;

namespace HeadTap.Cli.Tests;

/// <summary>Options that take a path: every one is known as such, and none may be empty.</summary>
public sealed partial class PathOptionTests
{
    static IEnumerable<TestCaseData> Paths() =>
        from verb in Verbs(Root(), [])
        from option in verb.Command.Options.OfType<IPathOption>()
        select new TestCaseData(verb.Words, ((Option)option).Name)
            .SetArgDisplayNames(string.Join(' ', verb.Words), ((Option)option).Name);

    [TestCaseSource(nameof(Paths))]
    public void An_empty_path_is_refused(string[] verb, string name)
    {
        (Command command, _) = Verbs(Root(), []).Single(v => v.Words.SequenceEqual(verb));
        List<string> line = [.. verb];
        line.AddRange(command.Arguments.Select(_ => "gpt2"));
        foreach (Option other in command.Options.Where(o => o.Required && o.Name != name))
            line.AddRange([other.Name, "0"]);
        Assert.That(Headtap.Refused([.. line, name, ""]),
            Is.EqualTo($"headtap: {name} is empty; expected a path\n"));
    }

    [Test]
    public void An_option_whose_help_speaks_of_a_file_or_folder_is_a_path()
    {
        string[] missing = [.. Verbs(Root(), []).SelectMany(v => v.Command.Options
            .Where(o => o.HelpName is { } help && Path().IsMatch(help) && o is not IPathOption)
            .Select(o => string.Join(' ', [.. v.Words, o.Name])))];
        Assert.That(missing, Is.Empty, "PathCheck does not see these; make them a PathOption.");
        Assert.That(Paths().Count(), Is.GreaterThan(60));
    }

    static RootCommand Root() => CommandLine.Root(
        new Terminal(TextWriter.Null, TextWriter.Null, false, false), CancellationToken.None);

    static IEnumerable<(Command Command, string[] Words)> Verbs(Command command, string[] words)
        => command.Subcommands.SelectMany(c => Verbs(c, [.. words, c.Name])).Prepend((command, words));

    [GeneratedRegex(@"^(F|FILE|DIR|FOLDER|LENSDIR|EDITED)\b|\|(F|FILE|DIR)$|\.(html|jsonl?|safetensors)$")]
    private static partial Regex Path();
}
