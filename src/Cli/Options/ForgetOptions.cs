using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of sequences to forget and to keep, and of their measures: <c>--forget</c>, <c>--keep</c> and
/// others.
/// </summary>
sealed class ForgetOptions
{
    readonly Option<string> _forget = new PathOption<string>("--forget", PathUse.Reads)
    {
        Description = "sequences to forget, as unlearn measure takes them", HelpName = "F.jsonl",
        Required = true,
    };
    readonly Option<string?> _keep = new PathOption<string?>("--keep", PathUse.Reads)
    {
        Description = "sequences to keep: methods that need some, and loss and accuracy before and after",
        HelpName = "K.jsonl",
    };
    readonly Option<string?> _asked = new PathOption<string?>("--asked", PathUse.Reads)
    {
        Description = "sequences that memorisation is measured on, where these are not those to forget: a "
            + "backdoor's held-out ones",
        HelpName = "A.jsonl",
    };
    readonly Option<bool> _memorised = new("--only-memorised")
    {
        Description = "forget only those that the model recites; memorisation is measured on all",
    };
    readonly Option<int> _keepRows = GlobalOptions.Number("--keep-rows", 0,
        "measure only the first rows of the keep set; 0 for all");
    readonly Option<string> _form = new("--form")
    {
        Description = "corrected, or reference: as the reference code computes it, defects included",
        HelpName = "NAME", DefaultValueFactory = _ => "corrected",
    };
    readonly RecitalOptions _recital = new();

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_forget, _keep, _asked, _memorised, _keepRows, _form])
            command.Options.Add(option);
        _recital.AddTo(command);
    }

    internal ForgetRequest Read(ParseResult parsed) => new()
    {
        Forget = parsed.GetValue(_forget)!,
        Keep = parsed.GetValue(_keep),
        Asked = parsed.GetValue(_asked),
        OnlyMemorised = parsed.GetValue(_memorised),
        KeepRows = parsed.GetValue(_keepRows),
        Form = parsed.GetValue(_form)!,
        Recital = _recital.Read(parsed),
    };
}
