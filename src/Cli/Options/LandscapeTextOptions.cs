using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of texts on which a landscape is measured: <c>--text-file</c> or <c>--batch</c>, a second set,
/// and rules.
/// </summary>
/// <param name="test">Whether the verb measures a second set too.</param>
sealed class LandscapeTextOptions(bool test)
{
    readonly TextOrBatchOptions _text = new();
    readonly Option<string?> _testFile = File("--test-text-file", "other texts, measured too");
    readonly Option<string?> _testBatch = Batch("--test-batch", "other texts as a list, measured too");
    readonly Option<int> _context = GlobalOptions.Number("--context", 0,
        "tokens a window sees; 0 takes the model's context");

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        _text.AddTo(command);
        Option[] tests = test ? [_testFile, _testBatch] : [];
        foreach (Option option in (Option[])[.. tests, _context])
            command.Options.Add(option);
    }

    /// <summary>Returns the texts of a parsed command line.</summary>
    internal LandscapeTextsRequest Read(ParseResult parsed) => new()
    {
        Text = _text.Read(parsed),
        TestTextFile = test ? parsed.GetValue(_testFile) : null,
        TestBatch = test ? parsed.GetValue(_testBatch) : null,
        Context = parsed.GetValue(_context),
    };

    static PathOption<string?> File(string name, string description) => new(name, PathUse.Reads)
    {
        Description = description, HelpName = "F",
    };

    static PathOption<string?> Batch(string name, string description) => new(name, PathUse.Reads)
    {
        Description = description, HelpName = "FILE.json",
    };
}
