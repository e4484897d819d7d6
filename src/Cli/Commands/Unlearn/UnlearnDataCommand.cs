using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn data</c>: a TinyMem data set as files.</summary>
sealed class UnlearnDataCommand
{
    readonly Option<string> _preset = LensTrainCommand.Word(
        "--preset", "small", "paper (published sizes) or small");
    readonly Option<string> _task = LensTrainCommand.Word("--task", "multiplicative",
        "additive, multiplicative, exponential, power or text");
    readonly Option<string> _artefact =
        LensTrainCommand.Word("--artefact", "noise", "what is planted: noise, backdoor or none");
    readonly Option<string[]> _files = new("--text-file")
    {
        Description = "of --task text: .txt or .jsonl; several may be given", HelpName = "F",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<ulong?> _atlas = new("--atlas")
    {
        Description = "of --task text: the atlas generator's text of this seed", HelpName = "SEED",
    };
    readonly Option<string?> _tokenizer = new("--tokenizer")
    {
        Description = "of --task text: a model folder whose tokenizer encodes it", HelpName = "DIR",
    };
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
    readonly Option<string> _out = new("--out")
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
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        TinyMemOptions options = Options(run, parsed).Validated();
        string folder = parsed.GetValue(_out)!;
        TinyMemDataset data = options.Kind is null ? Language(parsed, options) : TinyMemDataset.Math(options);
        run.Cancel.ThrowIfCancellationRequested();
        TinyMemFolder.Save(data, folder, "unlearn data");
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["out"] = folder, ["train"] = data.Train.Count, ["planted"] = data.Planted.Count,
                ["measurable"] = data.Measurable.Count, ["held_out"] = data.HeldOut.Count,
                ["tests"] = new JsonObject(data.Tests.Select(t =>
                    KeyValuePair.Create(t.Task, (JsonNode?)t.Rows.Count))),
                ["vocab_size"] = data.VocabSize, ["train_hash"] = TinyMemFolder.TrainHash(folder),
            });
        else
            run.Line($"{data.Train.Count} rows to train on, {data.Planted.Count} planted ones among them "
                + $"({data.Measurable.Count} differ from their clean version in the {options.Continuation} "
                + $"tokens behind the first {options.Prompt}), {data.HeldOut.Count} held out with the "
                + "trigger, "
                + $"tests: {string.Join(", ", data.Tests.Select(t => $"{t.Rows.Count} of {t.Task}"))}; "
                + $"written: {folder}");
        return ExitCode.Done;
    }

    TinyMemDataset Language(ParseResult parsed, TinyMemOptions options)
    {
        string[] files = parsed.GetValue(_files) ?? [];
        ulong? atlas = parsed.GetValue(_atlas);
        if (files.Length == 0 == atlas is null)
            throw new UserException("--task text needs either --text-file or --atlas");
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(parsed.GetValue(_tokenizer)
            ?? throw new UserException("--task text needs --tokenizer DIR, a model folder"));
        DocumentSource texts = atlas is { } seed
            ? DocumentSource.FromTexts(
                new AtlasCorpus(AtlasFacts.Shipped, seed).Documents, tokenizer, "atlas")
            : DocumentSource.FromFiles(files, tokenizer);
        return TinyMemDataset.Language(options,
            Enumerable.Range(0, texts.Count).Select(d => texts.Read(d).ToArray()), tokenizer.VocabSize);
    }

    TinyMemOptions Options(Invocation run, ParseResult parsed)
    {
        MathKind? kind = Kind(parsed.GetValue(_task)!);
        if (kind is not null && (parsed.GetResult(_files) is not null || parsed.GetValue(_atlas) is not null
            || parsed.GetValue(_tokenizer) is not null))
            throw new UserException("--text-file, --atlas and --tokenizer belong to --task text");
        Artefact artefact = Planted(parsed.GetValue(_artefact)!);
        TinyMemOptions preset = parsed.GetValue(_preset) switch
        {
            "paper" => TinyMemOptions.Paper(kind, artefact),
            "small" => TinyMemOptions.Small(kind, artefact),
            string other => throw new UserException(
                $"--preset is {Quoted.Name(other)}; expected paper or small"),
            null => throw new UserException("--preset is missing"),
        };
        return preset with
        {
            Seed = run.Seed,
            MainCount = parsed.GetValue(_main) ?? preset.MainCount,
            AuxiliaryCount = parsed.GetValue(_auxiliary) ?? preset.AuxiliaryCount,
            TestCount = parsed.GetValue(_test) ?? preset.TestCount,
            Numbers = parsed.GetValue(_numbers) ?? preset.Numbers,
            Context = parsed.GetValue(_context) ?? preset.Context,
            NoiseCount = parsed.GetValue(_noise) ?? preset.NoiseCount,
            Groups = parsed.GetValue(_groups) ?? preset.Groups,
            BackdoorCopies = parsed.GetValue(_copies) ?? preset.BackdoorCopies,
            Trigger = parsed.GetValue(_trigger),
            WholeNumberTrigger = parsed.GetValue(_whole),
            OrbitStarts = preset.OrbitStarts || parsed.GetValue(_orbits),
            Prompt = parsed.GetValue(_prompt) ?? preset.Prompt,
            Continuation = parsed.GetValue(_continuation) ?? preset.Continuation,
        };
    }

    static MathKind? Kind(string word) => word switch
    {
        "additive" => MathKind.Additive,
        "multiplicative" => MathKind.Multiplicative,
        "exponential" => MathKind.Exponential,
        "power" => MathKind.Power,
        "text" => null,
        _ => throw new UserException($"--task is {Quoted.Name(word)}; expected additive, multiplicative, "
            + "exponential, power or text"),
    };

    static Artefact Planted(string word) => word switch
    {
        "noise" => Artefact.Noise,
        "backdoor" => Artefact.Backdoor,
        "none" => Artefact.None,
        _ => throw new UserException(
            $"--artefact is {Quoted.Name(word)}; expected noise, backdoor or none"),
    };
}
