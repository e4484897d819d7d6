using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of texts for lenses: <c>--text-file</c>, <c>--batch</c> or <c>--atlas</c>, and <c>--bos</c>.
/// </summary>
sealed class LensTextOptions
{
    readonly Option<string[]> _files = new PathOption<string[]>("--text-file", PathUse.Reads)
    {
        Description = "texts, .txt (documents apart by <|endoftext|>), .jsonl, .json or .csv; several may be "
            + "given",
        HelpName = "F", AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<string?> _batch = new PathOption<string?>("--batch", PathUse.Reads)
    {
        Description = "a JSON file with a list of lists of token ids, or of texts", HelpName = "FILE.json",
    };
    readonly Option<ulong?> _atlas = new("--atlas")
    {
        Description = "texts of the atlas generator, made from this seed", HelpName = "SEED",
    };
    readonly TextRuleOptions _rules = new("document");

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_files, _batch, _atlas])
            command.Options.Add(option);
        _rules.AddTo(command);
    }

    /// <summary>Returns the texts of a parsed command line.</summary>
    public LensTextsRequest Read(ParseResult parsed) => new()
    {
        TextFile = parsed.GetValue(_files) ?? [],
        Batch = parsed.GetValue(_batch),
        Atlas = parsed.GetValue(_atlas),
        Rules = _rules.Read(parsed),
    };
}
