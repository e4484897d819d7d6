using System.CommandLine;
using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens eval</c>: how close lenses come to the model, beside the logit lens.</summary>
sealed class LensEvalCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _lens = new("--lens")
    {
        Description = "a folder that lens train wrote, or logit for the model's own unembedding",
        HelpName = "DIR|logit", Required = true,
    };
    readonly Option<string?> _file = new("--text-file")
    {
        Description = "texts: .jsonl has a \"text\" a line, other files one document or several with "
            + "<|endoftext|> between them; rows end at the model's context",
        HelpName = "F",
    };
    readonly Option<string?> _batch = new("--batch")
    {
        Description = "a JSON file with a list of lists of token ids, a row each", HelpName = "FILE.json",
    };
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before each document; nothing else does",
    };
    readonly Option<string> _layers = Word("--layers", "all", "L,L|all",
        "layers from 0 with commas between, or all that the lens has");
    readonly Option<string> _positions = Word("--positions", "last", "last|all|N",
        "positions of a row: the last, all, or a number of them drawn at random");
    readonly Option<int> _top = GlobalOptions.Number("--top", 5, "k of a further top-k agreement");
    readonly Option<int> _ablation = GlobalOptions.Number("--ablation", 0,
        "prompts, from the first, whose responsible head is removed; 0 for none");
    readonly Option<string> _removal = Word("--ablation-to", "zero", "zero|mean",
        "what a removed head's results become: zero, or their mean over the prompt");

    internal static Command Create(GlobalOptions global) => new LensEvalCommand().Make(global);

    static Option<string> Word(string name, string absent, string help, string description) => new(name)
    {
        Description = description, HelpName = help, DefaultValueFactory = _ => absent,
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("eval", "KL, agreement and entropy of lenses and of each head, beside the "
            + "logit lens; whether the heads they call responsible are");
        foreach (Option option in (Option[])[_model, _lens, _batch, _file, _bos, _layers, _positions, _top,
            _ablation, _removal])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!, lens = parsed.GetValue(_lens)!;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        int top = parsed.GetValue(_top), prompts = parsed.GetValue(_ablation);
        if (top < 1 || top > config.VocabSize)
            throw new UserException($"--top is {top}; expected 1 to {config.VocabSize}");
        if (prompts < 0)
            throw new UserException($"--ablation is {prompts}; expected how many prompts, or 0");
        var options = new LensEvaluationOptions
        {
            Positions = PositionChoice.Parse(parsed.GetValue(_positions)!), Seed = run.Seed, Top = top,
        };
        var ablation = new AblationOptions
        {
            Prompts = prompts, Seed = run.Seed, ToMean = ToMean(parsed.GetValue(_removal)!),
        };
        LensSource source = LensSource.Find(lens, config, ModelFolder.Hash(folder));
        int[] layers = Layers(parsed.GetValue(_layers)!, source);
        if (prompts > 0)
            AblationCheck.RequireUsable(source, layers, config.Heads);
        IReadOnlyList<int[]> rows = Rows(parsed, folder, config);
        LensEvaluation.Usable(rows);
        int[]? unigram = source.IsBaseline ? null : LensFolder.Unigram(lens);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        LensEvaluationResult? found = null;
        AblationResult? removed = null;
        run.WithProgress("evaluating", report =>
        {
            found = LensEvaluation.Run(loaded.Model, source, layers, rows, unigram, options, share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            });
            if (prompts > 0)
                removed = AblationCheck.Run(loaded.Model, source, layers, rows, ablation);
        });
        var report = new LensEvalReport(source, lens, options, found!, ablation, removed);
        if (run.Json)
            run.WriteJson(report.Json());
        else
            report.Print(run);
        return ExitCode.Done;
    }

    static bool ToMean(string word) => word switch
    {
        "zero" => false,
        "mean" => true,
        _ => throw new UserException($"--ablation-to is {Quoted.Name(word)}; expected zero or mean"),
    };

    static int[] Layers(string text, LensSource source)
    {
        if (text == "all")
            return [.. source.Layers];
        return [.. text.Split(',').Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            && source.Layers.Contains(layer) ? layer
                : throw new UserException($"--layers is {Quoted.Name(text)}; expected all, or some of "
                    + $"{string.Join(", ", source.Layers)}, which the lens has, with commas between"))
            .Distinct().Order()];
    }

    // Checked here, so that nothing is loaded for texts that do not fit.
    IReadOnlyList<int[]> Rows(ParseResult parsed, string folder, ModelConfig config)
    {
        (string? file, string? batch) = (parsed.GetValue(_file), parsed.GetValue(_batch));
        if (file is null == batch is null)
            throw new UserException(
                $"{(file is null ? "no texts" : "two kinds of texts")}; expected --text-file or --batch");
        int[] before = PromptRequest.BosOf(parsed.GetValue(_bos), config, folder) is { } bos ? [bos] : [];
        IReadOnlyList<int[]> rows = batch is not null
            ? [.. TokenRowsFile.Read(batch).Select(row => row.Length > 0 ? (int[])[.. before, .. row] : [])]
            : TextRows(file!, folder, before, config.ContextLength);
        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i].Length > config.ContextLength)
                throw new UserException($"row {i} has {rows[i].Length} tokens; the model's context ends at "
                    + $"{config.ContextLength}");
            if (rows[i].Any(id => id < 0 || id >= config.VocabSize))
                throw new UserException($"row {i} has token id "
                    + $"{rows[i].First(id => id < 0 || id >= config.VocabSize)}; the model's vocabulary is 0 "
                    + $"to {config.VocabSize - 1}");
        }
        return rows;
    }

    // A document longer than the context becomes several rows, none of which overlap.
    static IReadOnlyList<int[]> TextRows(string file, string folder, int[] before, int context)
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        return [.. TextDocuments.Read(file).Select(text => tokenizer.Encode(text))
            .Where(ids => ids.Length > 0)
            .SelectMany(ids => ((int[])[.. before, .. ids]).Chunk(context))];
    }
}
