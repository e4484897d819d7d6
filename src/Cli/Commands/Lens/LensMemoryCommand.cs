using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>lens memory</c>: what a head writes in the single-hop run, injected in the multi-hop run.
/// </summary>
sealed class LensMemoryCommand
{
    const string Atlas = "atlas";

    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly LensPlaceOptions _places = new(top: 5, every: "auto");
    readonly Option<string?> _from = Text("--from", "the single-hop prompt, whose heads are read");
    readonly Option<string?> _into = Text("--into", "the multi-hop prompt, which receives the memory");
    readonly Option<string?> _answer = Text("--answer",
        "the right continuation; the first token of a space and it is followed, and chooses nothing");
    readonly Option<string?> _pairs = new("--pairs")
    {
        Description = "in place of one pair: atlas for pairs of the atlas, or a .jsonl or .csv file",
        HelpName = "atlas|F",
    };
    readonly Option<string?> _split = new("--split")
    {
        Description = "only pairs of this part of --pairs; test for the atlas unless named",
        HelpName = "NAME",
    };
    readonly Option<float> _tau = GlobalOptions.Number("--tau", 3f, "the magnitude");
    readonly Option<int?> _at = new("--at-layer")
    {
        Description = "the layer that receives the memory; the head's own unless named", HelpName = "L",
    };
    readonly Option<string> _position = new("--position")
    {
        Description = "positions that receive it: all or last", DefaultValueFactory = _ => "all",
    };
    readonly Option<bool> _without = new("--without-next")
    {
        Description = "leave the single-hop run's own next token out of the memory",
    };
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before both prompts",
    };
    readonly Option<string?> _editOut = new("--edit-out")
    {
        Description = "writes the injection as an edit spec, for trace --edit and generate --edit",
        HelpName = "SPEC.json",
    };

    internal static Command Create(GlobalOptions global) => new LensMemoryCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("memory", "Make a memory of what a head writes in a single-hop run, and "
            + "inject it in a multi-hop run");
        command.Options.Add(_model);
        _places.AddTo(command);
        foreach (Option option in (Option[])
            [_from, _into, _answer, _pairs, _split, _tau, _at, _position, _without, _bos, _editOut])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        int? bos = PromptRequest.BosOf(parsed.GetValue(_bos), config, folder);
        EncodedPair[] pairs = Pairs(run, parsed, pair => EncodedPair.Of(
            pair.Pair, tokenizer, config, bos, pair.Place));
        LensPlaces places = _places.Read(parsed, folder, config);
        if (!places.Source.ReadsHeads)
            throw new UserException(
                "a tuned lens reads the residual stream, not heads; expected a lens of heads");
        Where(parsed, config);
        string? spec = parsed.GetValue(_editOut);
        if (spec is not null)
            AtomicFile.RequireWritable(spec);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        int top = Math.Min(places.Request.Top + 1, config.VocabSize); // one may be left out
        LensReadings? readings = null;
        run.WithProgress("reading", report => readings = LensReadings.OfLastTokens(
            loaded.Model, places.Source, places.Request with { Top = top, WithBaseline = false },
            [.. pairs.Select(p => p.Explicit)], share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            }));
        return parsed.GetValue(_pairs) is null
            ? One(run, parsed, loaded.Model, pairs[0], places, readings!, new LensText(tokenizer))
            : All(run, parsed, loaded.Model, pairs, places, readings!);
    }

    // One pair from the command line, or those of --pairs.
    EncodedPair[] Pairs(
        Invocation run, ParseResult parsed, Func<(PromptPair Pair, string Place), EncodedPair> encode)
    {
        string?[] given = [parsed.GetValue(_from), parsed.GetValue(_into), parsed.GetValue(_answer)];
        string? source = parsed.GetValue(_pairs), split = parsed.GetValue(_split);
        if (source is null)
        {
            if (split is not null)
                throw new UserException("--split without --pairs; expected both");
            if (given.Any(string.IsNullOrWhiteSpace))
                throw new UserException("expected --from, --into and --answer, or --pairs");
            string answer = given[2]!.Trim();
            return [encode((new PromptPair(given[0]!, given[1]!, answer, answer) { Memory = " " + answer },
                "the pair"))];
        }
        if (given.Any(g => g is not null) || parsed.GetValue(_editOut) is not null
            || parsed.GetValue(_without))
            throw new UserException("--from, --into, --answer, --without-next and --edit-out are for one "
                + "pair; leave them or --pairs out");
        IEnumerable<(PromptPair Pair, string Place)> found;
        if (source == Atlas)
        {
            split ??= AtlasPairs.Test;
            found = AtlasPairs
                .HeldOut(new AtlasCorpus(AtlasFacts.Shipped, EvalCommand.ShippedCorpus), run.Seed)
                .Select((p, i) => (p, $"atlas pair {i}"));
        }
        else
        {
            PromptPairs file = PromptPairs.Read(source);
            found = Enumerable.Range(0, file.Count).Select(i => (file[i], file.Place(i)));
        }
        EncodedPair[] pairs = [.. found.Where(p => split is null || p.Pair.Split == split).Select(encode)];
        return pairs.Length > 0 ? pairs
            : throw new UserException($"--split is {Quoted.Name(split!)}, and no pair has this split");
    }

    (int? Layer, EditPositions Positions) Where(ParseResult parsed, ModelConfig config)
    {
        int? layer = parsed.GetValue(_at);
        if (layer is < 0 || layer >= config.Layers)
            throw new UserException($"--at-layer is {layer}; expected 0 to {config.Layers - 1}");
        return (layer, parsed.GetValue(_position)! switch
        {
            "all" => EditPositions.All,
            "last" => EditPositions.Last,
            string other => throw new UserException(
                $"--position is {Quoted.Name(other)}; expected all or last"),
        });
    }

    int One(Invocation run, ParseResult parsed, LanguageModel model, EncodedPair pair, LensPlaces places,
        LensReadings readings, LensText text)
    {
        LensMemory found = LensMemory.OfFavourite(
            readings, 0, places.Request.Top, parsed.GetValue(_without));
        (int? layer, EditPositions positions) = Where(parsed, model.Config);
        var memory = new Memory(found.Tokens, layer ?? found.Layer, parsed.GetValue(_tau))
        {
            Positions = positions,
        };
        Injection injection = Injection.Run(model, pair.Obscure, pair.Answer, [memory], top: 1);
        if (parsed.GetValue(_editOut) is { } spec)
            EditSpec.Write(spec, injection.Edits);
        if (run.Json)
            run.WriteJson(Json(pair, found, memory, readings, injection, text));
        else
            Print(run, places, pair, found, memory, readings, injection, text);
        return ExitCode.Done;
    }

    int All(Invocation run, ParseResult parsed, LanguageModel model, EncodedPair[] pairs, LensPlaces places,
        LensReadings readings)
    {
        if (places.Request.Layers.Count * places.Request.Heads.Count < 2)
            throw new UserException("--layer and --head leave one head; expected others to compare it with");
        (int? layer, EditPositions positions) = Where(parsed, model.Config);
        var trial = new LensMemoryTrial(model, pairs, readings)
        {
            Count = places.Request.Top, Tau = parsed.GetValue(_tau), Layer = layer, Positions = positions,
            Seed = run.Seed,
        };
        IReadOnlyList<LensMemoryOutcome> outcomes = [];
        run.WithProgress("injecting", report => outcomes = trial.Run(share =>
        {
            run.Cancel.ThrowIfCancellationRequested();
            report(share, "");
        }));
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["pairs"] = pairs.Length,
                ["tokens"] = places.Request.Top,
                ["tau"] = trial.Tau,
                ["at_layer"] = layer,
                ["memories"] = new JsonArray([.. outcomes.Select(o => new JsonObject
                {
                    ["memory"] = o.Name, ["mean_p"] = o.MeanP, ["rank_1"] = o.First,
                    ["repaired"] = o.Repaired, ["lost"] = o.Lost, ["holds_answer"] = o.HoldsAnswer,
                })]),
            });
            return ExitCode.Done;
        }
        Table table = Invocation.Table("memory", "mean p", "rank 1", "repaired", "lost", "holds the answer");
        foreach (LensMemoryOutcome o in outcomes)
            Invocation.Row(table, o.Name, $"{o.MeanP:P1}", $"{o.First:P1}", $"{o.Repaired}", $"{o.Lost}",
                $"{o.HoldsAnswer:P1}");
        run.Draw(table);
        run.Line($"{pairs.Length} pairs; memories of at most {places.Request.Top} tokens, tau {trial.Tau}, "
            + (layer is { } l ? $"layer {l}" : "the favourite head's layer")
            + (positions.IsLast ? ", last position" : ", all positions"));
        return ExitCode.Done;
    }

    static JsonObject Json(EncodedPair pair, LensMemory found, Memory memory, LensReadings readings,
        Injection injection, LensText text) => new()
        {
            ["layer"] = found.Layer,
            ["head"] = found.Head,
            ["favour"] = JsonNumber.Of(found.CenteredLogit),
            ["next_id"] = readings.Model[0][0].Id,
            ["next"] = text.Of(readings.Model[0][0].Id),
            ["memory_ids"] = new JsonArray([.. found.Tokens.Select(t => (JsonNode)t)]),
            ["memory"] = new JsonArray([.. found.Tokens.Select(t => (JsonNode)text.Of(t))]),
            ["holds_answer"] = found.Tokens.Contains(pair.Answer),
            ["at_layer"] = memory.Layer,
            ["tau"] = memory.Tau,
            ["answer_id"] = pair.Answer,
            ["answer"] = text.Of(pair.Answer),
            ["p_before"] = injection.Before.Probability,
            ["p_after"] = injection.After.Probability,
            ["rank_before"] = injection.Before.Rank,
            ["rank_after"] = injection.After.Rank,
            ["edit"] = EditSpec.ToJson(injection.Edits),
        };

    static void Print(Invocation run, LensPlaces places, EncodedPair pair, LensMemory found, Memory memory,
        LensReadings readings, Injection injection, LensText text)
    {
        int heads = places.Request.Layers.Count * places.Request.Heads.Count;
        run.Line($"lens       {places.Text}");
        run.Line($"single-hop {text.List(readings.Model[0].Take(3))}");
        string next = text.Visible(readings.Model[0][0].Id);
        run.Line($"head       {found.Layer}.{found.Head}"
            + (heads > 1 ? $", of {heads} the one that favours {next} most" : "")
            + $" ({found.CenteredLogit:+0.00;-0.00;0.00})");
        run.Line($"memory     {string.Join(' ', found.Tokens.Select(text.Visible))}"
            + (found.Tokens.Contains(pair.Answer) ? " (the answer is in it)" : " (the answer is not in it)"));
        run.Line($"into       layer {memory.Layer}, tau {memory.Tau}, "
            + (memory.Positions.IsLast ? "last position" : "all positions"));
        run.Line($"answer     {text.Visible(pair.Answer)} ({pair.Answer})");
        run.Line($"p          {injection.Before.Probability:P3} -> {injection.After.Probability:P3}");
        run.Line($"rank       {injection.Before.Rank} -> {injection.After.Rank}");
    }

    static Option<string?> Text(string name, string description)
        => new(name) { Description = description, HelpName = "S" };
}
