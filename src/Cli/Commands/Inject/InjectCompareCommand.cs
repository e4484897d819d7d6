using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>A comparison with what it compares, as the report and the tables show it.</summary>
/// <param name="Pair">The prompts as tokens.</param>
/// <param name="Found">The comparison.</param>
/// <param name="Text">A token as text.</param>
/// <param name="HasAnswer">Whether an answer was named.</param>
sealed record ShownComparison(
    EncodedPair Pair, PairComparison Found, Func<int, string> Text, bool HasAnswer);

/// <summary>
/// <c>inject compare</c>: what attention writes for a single-hop prompt and a multi-hop one.
/// </summary>
sealed class InjectCompareCommand
{
    const int ShownTokens = 4, ShownHeads = 8;
    const string Single = "single-hop writes", Multi = "multi-hop writes";

    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly PairPromptOptions _pair = new(required: true);
    readonly Option<int> _top = GlobalOptions.Number("--top", 20, "tokens of each list that are compared");
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string?> _report = new("--report")
    {
        Description = "a page with maps over layers and heads, lines over layers and all lists",
        HelpName = "F.html",
    };

    internal static Command Create(GlobalOptions global) => new InjectCompareCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("compare",
            "What attention writes, by layer and head, when a prompt names the entity and when it goes "
            + "round it")
        {
            _model, _top, _weights, _report,
        };
        _pair.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!;
        bool processed = InjectCommand.Processed(parsed.GetValue(_weights)!);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        int top = parsed.GetValue(_top);
        if (top < 1 || top > config.VocabSize)
            throw new UserException($"--top is {top}; expected 1 to {config.VocabSize}");
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        EncodedPair pair = _pair.Read(parsed, tokenizer, config, folder)!;
        bool hasAnswer = _pair.HasAnswer(parsed);
        string? page = parsed.GetValue(_report);
        if (page is not null)
            AtomicFile.RequireWritable(page);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder, processed);
        PairComparison found = PairComparison.Of(loaded.Model, pair.Explicit, pair.Obscure, pair.Memory,
            hasAnswer ? pair.Answer : null, top);
        var shown = new ShownComparison(
            pair, found, id => PromptOptions.Visible(tokenizer.Decode([id])), hasAnswer);
        if (page is not null)
            ComparisonReport.Save(page, shown);
        if (run.Json)
            run.WriteJson(Json(shown, parsed));
        else
            Print(run, shown, page);
        return ExitCode.Done;
    }

    JsonObject Json(ShownComparison shown, ParseResult parsed) => new()
    {
        ["explicit"] = shown.Pair.Pair.Explicit,
        ["obscure"] = shown.Pair.Pair.Obscure,
        ["bridge"] = shown.Pair.Pair.Bridge,
        ["bridge_ids"] = new JsonArray([.. shown.Pair.Memory.Select(t => (JsonNode)t)]),
        ["answer_id"] = shown.HasAnswer ? shown.Pair.Answer : null,
        ["weights"] = parsed.GetValue(_weights),
        ["bos"] = _pair.Bos(parsed),
        ["top"] = parsed.GetValue(_top),
        ["layers"] = new JsonArray([.. shown.Found.Layers.Select(p => Json(p, shown))]),
        ["heads"] = new JsonArray([.. shown.Found.Heads.Select(p => Json(p, shown))]),
    };

    static JsonObject Json(PlaceComparison place, ShownComparison shown)
    {
        var json = new JsonObject { ["layer"] = place.Layer };
        if (place.Head is { } head)
            json["head"] = head;
        json["cosine"] = place.Cosine;
        json["shared"] = place.Shared;
        json["jaccard"] = place.Jaccard;
        json["explicit"] = Json(place.Explicit, shown);
        json["obscure"] = Json(place.Obscure, shown);
        return json;
    }

    static JsonObject Json(Writing writing, ShownComparison shown) => new()
    {
        ["norm"] = writing.Norm,
        ["bridge_rank_first"] = writing.Bridge?.First,
        ["bridge_rank_best"] = writing.Bridge?.Best,
        ["answer_rank"] = writing.AnswerRank,
        ["top"] = new JsonArray([.. writing.Top.Select(t => new JsonObject
        {
            ["id"] = t.Token, ["text"] = shown.Text(t.Token), ["logit"] = t.Logit,
        })]),
    };

    static void Print(Invocation run, ShownComparison shown, string? page)
    {
        run.Draw(Table(shown, shown.Found.Layers));
        run.Line("heads that write the bridge highest for the single-hop prompt");
        run.Draw(Table(shown,
            shown.Found.Heads.OrderBy(p => p.Explicit.Bridge!.Value.Best).Take(ShownHeads)));
        run.Line("single > multi: ranks in what is written for each prompt (1 is the top), best of the "
            + $"tokens of {PromptOptions.Visible(" " + shown.Pair.Pair.Bridge)}");
        if (page is not null)
            run.Line($"report   {page}");
    }

    static Table Table(ShownComparison shown, IEnumerable<PlaceComparison> places)
    {
        Table table = shown.HasAnswer
            ? Invocation.Table("place", "cosine", "shared", "bridge", "answer", Single, Multi)
            : Invocation.Table("place", "cosine", "shared", "bridge", Single, Multi);
        foreach (PlaceComparison place in places)
            Invocation.Row(table, [.. ComparisonReport.Cells(place, shown, ShownTokens)]);
        return table;
    }
}
