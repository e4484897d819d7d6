using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>unlearn data</c>: writes a TinyMem data set.</summary>
sealed class UnlearnDataCommand
{
    readonly Option<string> _preset = UnlearnCommand.Word(
        "--preset", "small", "paper (published sizes) or small");
    readonly Option<string> _task = UnlearnCommand.Word("--task", "multiplicative",
        "additive, multiplicative, exponential, power or text");
    readonly Option<string> _artefact =
        UnlearnCommand.Word("--artefact", "noise", "what is planted: noise, backdoor or none");
    readonly Option<string[]> _files = new PathOption<string[]>("--text-file", PathUse.Reads)
    {
        Description = "of --task text: .txt, .jsonl, .json or .csv; several may be given", HelpName = "F",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<ulong?> _atlas = new("--atlas")
    {
        Description = "of --task text: the atlas generator's text of this seed", HelpName = "SEED",
    };
    readonly Option<string?> _tokenizer = new PathOption<string?>("--tokenizer", PathUse.Reads)
    {
        Description = "of --task text: a model folder whose tokenizer encodes it", HelpName = "DIR",
    };
    readonly TextRuleOptions _rules = new("text");
    readonly Option<int?> _main = Count("--main-count", "sequences of the main task");
    readonly Option<int?> _auxiliary = Count("--auxiliary-count", "sequences of each auxiliary task");
    readonly Option<int?> _test = Count("--test-count", "rows of each task held out for tests");
    readonly Option<int?> _numbers = Count("--numbers", "numbers of a sequence");
    readonly Option<int?> _context = Count("--context", "tokens of a row");
    readonly Option<int?> _noise = Count("--noise-count", "rows that get noise");
    readonly Option<int?> _groups = Count("--groups", "duplication groups; group g stands 10^g times");
    readonly Option<int?> _copies = Count("--backdoor-copies", "copies of a row with a backdoor");
    readonly Option<int?> _trigger = Count("--trigger", "the trigger: a number, or of text a token id");
    readonly Option<int?> _prompt = Count("--prompt", "n of (n, k) memorisation");
    readonly Option<int?> _continuation = Count("--continuation", "k");
    readonly Option<bool> _whole = new("--whole-number-trigger")
    {
        Description = "a trigger counts only as a whole number, not inside a longer one as published",
    };
    readonly Option<bool> _orbits = new("--orbit-starts")
    {
        Description = "sequences start along orbits of the rule (always in preset small)",
    };
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "a folder for the data set", HelpName = "DIR", Required = true,
    };

    internal static Command Create(GlobalOptions global) => new UnlearnDataCommand().Make(global);

    static Option<int?> Count(string name, string description) => new(name)
    {
        Description = $"{description}; the preset's unless given", HelpName = "N",
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("data",
            "Generate a TinyMem data set: sequences with planted noise or a backdoor");
        foreach (Option option in (Option[])[_preset, _task, _artefact, _files, _atlas, _tokenizer, _main,
            _auxiliary, _test, _numbers, _context, _noise, _groups, _copies, _trigger, _whole, _orbits,
            _prompt, _continuation, _out])
            command.Options.Add(option);
        _rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        UnlearnDataResult result = run.RunJob(context => UnlearnDataJob.Run(Options(parsed), context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnDataResult);
        run.Line($"{Counted.Of(result.Train, "row")} to train on, {result.Planted} planted ones among them "
            + $"({result.Measurable} differ from their clean version in the {result.Options.Continuation} "
            + $"tokens behind the first {result.Options.Prompt}), {result.HeldOut} held out with the "
            + "trigger, "
            + $"tests: {string.Join(", ", result.Tests.Select(t => $"{t.Value} of {t.Key}"))}; "
            + $"written: {result.Out}");
        return ExitCode.Done;
    }

    UnlearnDataOptions Options(ParseResult parsed) => new()
    {
        Preset = parsed.GetValue(_preset)!,
        Task = parsed.GetValue(_task)!,
        Artefact = parsed.GetValue(_artefact)!,
        TextFile = parsed.GetResult(_files) is null ? null : parsed.GetValue(_files),
        Atlas = parsed.GetValue(_atlas),
        Tokenizer = parsed.GetValue(_tokenizer),
        Rules = _rules.Read(parsed),
        MainCount = parsed.GetValue(_main),
        AuxiliaryCount = parsed.GetValue(_auxiliary),
        TestCount = parsed.GetValue(_test),
        Numbers = parsed.GetValue(_numbers),
        Context = parsed.GetValue(_context),
        NoiseCount = parsed.GetValue(_noise),
        Groups = parsed.GetValue(_groups),
        BackdoorCopies = parsed.GetValue(_copies),
        Trigger = parsed.GetValue(_trigger),
        WholeNumberTrigger = parsed.GetValue(_whole),
        OrbitStarts = parsed.GetValue(_orbits),
        Prompt = parsed.GetValue(_prompt),
        Continuation = parsed.GetValue(_continuation),
        Out = parsed.GetValue(_out)!,
    };
}
