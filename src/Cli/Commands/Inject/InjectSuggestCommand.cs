using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>inject suggest</c>: finds where a multi-hop prompt fails, and a memory for it.</summary>
sealed class InjectSuggestCommand
{
    const int PairsAtOnce = 64; // a vocabulary of float64 is held for each

    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly PairPromptOptions _pair = new(required: false);
    readonly Option<string?> _data = new("--data")
    {
        Description = "in place of one pair: a .jsonl or .csv file of pairs", HelpName = "F",
    };
    readonly Option<string?> _split = new("--split")
    {
        Description = "only pairs of this part of the data", HelpName = "NAME",
    };
    readonly Option<bool> _evaluate = new("--evaluate")
    {
        Description = "compare on the data's split test with one cell for all, chosen on its split "
            + "validation, with each pair's best cell and with other layers",
    };
    readonly Option<string> _taus = new("--tau")
    {
        Description = "magnitudes of the fixed cells of --evaluate", DefaultValueFactory = _ => "0.5,1,2,4,8",
    };
    readonly Option<string> _memory = new("--memory")
    {
        Description = "bridge-layer, bridge, difference-tokens, explicit-tokens, difference, or auto: of the "
            + "first four the closest",
        DefaultValueFactory = _ => "auto",
    };
    readonly Option<int> _count = GlobalOptions.Number("--count", 20,
        "tokens of difference-tokens and explicit-tokens");
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string?> _editOut = new("--edit-out")
    {
        Description = "writes the suggestion as an edit spec, for trace --edit and generate --edit",
        HelpName = "SPEC.json",
    };
    readonly Option<string?> _out = new("--out")
    {
        Description = "with --data: a row for every pair, with a manifest beside it", HelpName = "F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new InjectSuggestCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("suggest", "Find the layer and head at which a multi-hop prompt goes "
            + "another way than the single-hop one, and a memory for it; the answer is not used");
        command.Options.Add(_model);
        _pair.AddTo(command);
        foreach (Option option in (Option[])
            [_data, _split, _evaluate, _taus, _memory, _count, _weights, _editOut, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!;
        SuggestedMemory? memory = Memory(parsed.GetValue(_memory)!);
        bool processed = InjectCommand.Processed(parsed.GetValue(_weights)!);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        int count = parsed.GetValue(_count);
        if (count < 1 || count > config.VocabSize)
            throw new UserException($"--count is {count}; expected 1 to {config.VocabSize}");
        float[] taus = [.. GridOptions.Numbers("--tau", parsed.GetValue(_taus)!)];
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        EncodedPair? pair = _pair.Read(parsed, tokenizer, config, folder);
        string? data = parsed.GetValue(_data);
        RequireOneSource(parsed, pair, data);
        EncodedPair[] pairs = pair is not null ? [pair] : ReadData(parsed, data!, tokenizer, config, folder);
        (EncodedPair[] Validation, EncodedPair[] Test)? parts = !parsed.GetValue(_evaluate) ? null
            : (Part(pairs, AtlasPairs.Validation), Part(pairs, AtlasPairs.Test));
        foreach (string? path in (string?[])[parsed.GetValue(_editOut), parsed.GetValue(_out)])
            if (path is not null)
                OutputFile.Require(path);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder, processed);
        if (parts is var (validation, test))
            return Evaluate(run, loaded.Model, validation, test, taus, count);
        bool hasBridge = pair is null || _pair.HasBridge(parsed);
        List<SuggestedPair> found =
            Search(run, loaded.Model, pairs, Kinds(hasBridge, config, memory), memory, count);
        var text = new SuggestionText(tokenizer, hasBridge, pair is null || _pair.HasAnswer(parsed));
        if (pair is not null)
        {
            if (parsed.GetValue(_editOut) is { } spec)
                EditSpec.Write(spec, [found[0].Chosen.ToEdit()]);
            text.ShowOne(run, found[0]);
            return ExitCode.Done;
        }
        if (parsed.GetValue(_out) is { } rows)
            text.Write(rows, found, Made(parsed, folder, data!, device));
        text.ShowAll(run, found, parsed.GetValue(_out));
        return ExitCode.Done;
    }

    // Without a bridge only what the two runs show can be injected.
    static SuggestedMemory[] Kinds(bool hasBridge, ModelConfig config, SuggestedMemory? asked)
    {
        SuggestedMemory[] kinds = [.. Enum.GetValues<SuggestedMemory>().Where(kind =>
            (hasBridge || kind is not (SuggestedMemory.Bridge or SuggestedMemory.BridgeLayer))
            && (kind != SuggestedMemory.BridgeLayer || config.BosToken is not null))];
        return asked is not { } one || kinds.Contains(one) ? kinds
            : throw new UserException($"--memory {Suggestion.Word(one)} needs "
                + (hasBridge ? "a model with a begin-of-text token" : "--bridge"));
    }

    Manifest Made(ParseResult parsed, string folder, string data, ComputeDevice device) => new()
    {
        Command = "inject suggest",
        Options = Json(parsed),
        ModelHash = ModelFolder.Hash(folder),
        DataHash = FileHash.Sha256(data),
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };

    static List<SuggestedPair> Search(Invocation run, LanguageModel model, EncodedPair[] pairs,
        SuggestedMemory[] kinds, SuggestedMemory? memory, int count)
    {
        var found = new List<SuggestedPair>();
        run.WithProgress("comparing", report =>
        {
            foreach (EncodedPair[] some in pairs.Chunk(PairsAtOnce))
            {
                run.Cancel.ThrowIfCancellationRequested();
                var search = new HopSearch(model, some);
                IReadOnlyList<FailingHop> hops = search.Find();
                int[] layers = [.. hops.Select(h => h.Layer)];
                IReadOnlyList<Suggestion>[] all = [.. kinds.Select(k => search.Suggest(k, layers, count))];
                for (int i = 0; i < some.Length; i++)
                {
                    Suggestion[] each = [.. all.Select(kind => kind[i])];
                    Suggestion chosen = each.Where(s => memory is { } kind ? s.Kind == kind
                        : s.Kind != SuggestedMemory.Difference).MinBy(s => s.Divergence)!;
                    found.Add(new(some[i], hops[i], search.Before[i], each, chosen,
                        PlaceComparison.CosineOf(search.Single[i].Layer(hops[i].Layer, model.Config),
                            search.Multi[i].Layer(hops[i].Layer, model.Config))));
                }
                report((double)found.Count / pairs.Length, $"{found.Count} of {pairs.Length}");
            }
        });
        return found;
    }

    static EncodedPair[] Part(EncodedPair[] pairs, string split)
        => pairs.Where(p => p.Pair.Split == split).ToArray() is { Length: > 1 } part ? part
        : throw new UserException(
            $"--evaluate needs pairs of the splits validation and test; there are too few of {split}");

    static int Evaluate(Invocation run, LanguageModel model, EncodedPair[] validation, EncodedPair[] test,
        float[] taus, int count)
    {
        SuggestionEvaluation? found = null;
        run.WithProgress("evaluating", report => found = SuggestionEvaluation.Run(model, validation, test,
            taus, count, run.Seed, (what, share) =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, what);
            }));
        SuggestionText.Show(run, found!, validation.Length, test.Length);
        return ExitCode.Done;
    }

    void RequireOneSource(ParseResult parsed, EncodedPair? pair, string? data)
    {
        if (pair is null == data is null)
            throw new UserException(pair is null ? "no prompts; expected --explicit and --obscure, or --data"
                : "a pair and a file of pairs; expected one of the two");
        if (data is null && (parsed.GetValue(_evaluate) || parsed.GetValue(_out) is not null
            || parsed.GetValue(_split) is not null))
            throw new UserException("--evaluate, --out and --split belong to --data; leave them out");
        if (data is not null && (_pair.HasBridge(parsed) || _pair.HasAnswer(parsed)))
            throw new UserException("--bridge and --answer belong to one pair; a file has its own");
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        if (parsed.GetValue(_evaluate) ? Given(_memory) : Given(_taus))
            throw new UserException(parsed.GetValue(_evaluate)
                ? "--evaluate compares all memories; leave --memory out"
                : "--tau is of the fixed cells of --evaluate; leave it out");
        if (parsed.GetValue(_editOut) is not null && data is not null)
            throw new UserException("--edit-out belongs to one pair; with --data write rows with --out");
        if (parsed.GetValue(_evaluate) && (parsed.GetValue(_split) ?? parsed.GetValue(_out)) is not null)
            throw new UserException("--evaluate takes the splits validation and test and writes no rows; "
                + "leave --split and --out out");
    }

    EncodedPair[] ReadData(
        ParseResult parsed, string path, ByteBpeTokenizer tokenizer, ModelConfig config, string folder)
    {
        int? bos = _pair.BosToken(parsed, config, folder);
        string? split = parsed.GetValue(_split);
        PromptPairs pairs = PromptPairs.Read(path);
        EncodedPair[] chosen = [.. Enumerable.Range(0, pairs.Count)
            .Where(i => split is null || pairs[i].Split == split)
            .Select(i => EncodedPair.Of(pairs[i], tokenizer, config, bos, pairs.Place(i)))];
        return chosen.Length > 0 ? chosen
            : throw new UserException($"{Quoted.Path(path)}: no pair has split {Quoted.Name(split!)}");
    }

    static SuggestedMemory? Memory(string word)
    {
        if (word == "auto")
            return null;
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
            if (Suggestion.Word(kind) == word)
                return kind;
        throw new UserException($"--memory is {Quoted.Name(word)}; expected auto, "
            + string.Join(", ", Enum.GetValues<SuggestedMemory>().Select(Suggestion.Word)));
    }

    JsonObject Json(ParseResult parsed) => new()
    {
        ["split"] = parsed.GetValue(_split),
        ["memory"] = parsed.GetValue(_memory),
        ["count"] = parsed.GetValue(_count),
        ["weights"] = parsed.GetValue(_weights),
        ["bos"] = _pair.Bos(parsed),
    };
}
