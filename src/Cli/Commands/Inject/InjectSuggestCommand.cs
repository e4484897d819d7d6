using System.CommandLine;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Reports;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject suggest</c>: finds the layer and head where a multi-hop prompt fails, and a memory to inject
/// there.
/// </summary>
sealed class InjectSuggestCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly PairPromptOptions _pair = new(required: false);
    readonly Option<string?> _data = new PathOption<string?>("--data", PathUse.Reads)
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
    readonly Option<string> _encoder = JacobianLensOption.Encoder(
        "how memories are made of tokens, and tokens are read");
    readonly Option<string?> _lens = JacobianLensOption.Create();
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string?> _editOut = new PathOption<string?>("--edit-out", PathUse.WritesFile)
    {
        Description = "writes the suggestion as an edit spec, for trace --edit and generate --edit",
        HelpName = "SPEC.json",
    };
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
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
            [_data, _split, _evaluate, _taus, _memory, _count, _encoder, _lens, _weights, _editOut, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        var options = new InjectSuggestOptions
        {
            Model = parsed.GetValue(_model)!,
            Pair = _pair.Read(parsed),
            Data = parsed.GetValue(_data),
            Split = parsed.GetValue(_split),
            Evaluate = parsed.GetValue(_evaluate),
            Tau = Given(_taus) ? parsed.GetValue(_taus) : null,
            Memory = Given(_memory) ? parsed.GetValue(_memory) : null,
            Count = parsed.GetValue(_count),
            Encoder = parsed.GetValue(_encoder)!,
            Lens = parsed.GetValue(_lens),
            Weights = parsed.GetValue(_weights)!,
            EditOut = parsed.GetValue(_editOut),
            Out = parsed.GetValue(_out),
        };
        InjectSuggestResult result = run.RunJob(context => InjectSuggestJob.Run(options, context));
        if (run.Json)
            return result switch
            {
                { One: { } one } => run.WriteJson(one, InjectJobsJson.Default.InjectSuggestOneResult),
                { All: { } all } => run.WriteJson(all, InjectJobsJson.Default.InjectSuggestAllResult),
                _ => run.WriteJson(result.Evaluation!, InjectJobsJson.Default.SuggestionEvaluationResult),
            };
        if (result.One is { } pair)
            Print(run, pair);
        if (result.All is { } pairs)
            Print(run, pairs, options.Out);
        if (result.Evaluation is { } evaluation)
            Print(run, evaluation, evaluation.Found!);
        return ExitCode.Done;
    }

    static void Print(Invocation run, InjectSuggestOneResult result)
    {
        SuggestedPair found = result.Found!;
        Table table = result.HasAnswer
            ? Invocation.Table("memory", "layer", "tau", "nats to single-hop", "p", "rank", "tokens")
            : Invocation.Table("memory", "layer", "tau", "nats to single-hop", "tokens");
        Add("nothing", "", "", found.Hop.Divergence, found.Before, "");
        foreach ((Suggestion s, SuggestedMemoryResult memory) in found.Each.Zip(result.Memories))
            Add((ReferenceEquals(s, found.Chosen) && s.Tau != 0 ? "> " : "") + memory.Memory, $"{s.Layer}",
                $"{s.Tau:0.###}",
                s.Divergence, s.Answer, memory.Shown);
        run.Draw(table);
        run.Line(result.Reason);

        void Add(string name, string layer, string tau, double divergence, AnswerStanding answer,
            string tokens) => Invocation.Row(table, [name, layer, tau, $"{divergence:0.000}",
                .. result.HasAnswer ? (string[])[$"{answer.Probability:P2}", $"{answer.Rank}"] : [], tokens]);
    }

    static void Print(Invocation run, InjectSuggestAllResult result, string? path)
    {
        SuggestedPair[] found = [.. result.Suggestions.Select(s => s.Found!)];
        Table table = Invocation.Table("memory", "pairs", "mean p", "rank 1");
        Add("nothing", found.Length, [.. found.Select(f => f.Before)]);
        foreach (SuggestedMemory kind in found[0].Each.Select(s => s.Kind))
            Add(Suggestion.Word(kind), found.Count(f => f.Each.Any(s => s.Kind == kind && s.Tau != 0)),
                [.. found.Select(f => f.Each.First(s => s.Kind == kind).Answer)]);
        Add("chosen", found.Count(f => f.Chosen.Tau != 0), [.. found.Select(f => f.Chosen.Answer)]);
        run.Draw(table);
        run.Line($"failing layers: {Counts(result.FailingLayers)}; heads: {Counts(result.FailingHeads)}");
        if (path is not null)
            run.Remark($"written: {path}");

        void Add(string name, int used, AnswerStanding[] after) => Invocation.Row(table, name, $"{used}",
            $"{after.Average(a => a.Probability):P2}",
            $"{(double)after.Count(a => a.Rank == 1) / after.Length:P1}");
    }

    static string Counts(IReadOnlyDictionary<string, int> places)
        => string.Join(", ", places.Select(p => $"{p.Key} ({p.Value})"));

    static void Print(Invocation run, SuggestionEvaluationResult result, SuggestionEvaluation found)
    {
        Table table = Invocation.Table(
            "", "mean p", "95 %", "rank 1", "95 % ", "repaired", "broken", "trimmed mean", "median");
        foreach (SuggestionResult r in found.Results)
            Invocation.Row(table, r.Name, $"{r.Gain.MeanAfter:P1}", Range(r.MeanAfter), $"{r.First:P1}",
                Range(r.FirstInterval), $"{r.Gain.Repaired:P1}", $"{r.Gain.Broken:P1}",
                $"{r.Gain.TrimmedMean:0.0} %", $"{r.Gain.Median:0.0} %");
        run.Draw(table);
        run.Line($"{result.TestPairs} test pairs; one cell for all, chosen on {result.ValidationPairs} "
            + $"validation pairs: {result.FixedCell}; intervals from draws of entities with all their pairs");
        run.Line($"the lists overlap least in the layer that the search finds for {found.Agreement:P0} of "
            + "pairs; failing layers: "
            + string.Join(", ", found.Hops.GroupBy(h => h.Layer).OrderBy(g => g.Key)
                .Select(g => $"{g.Key} ({g.Count()})")));
    }

    static string Range(Interval interval)
        => $"{NumberText.Of(100 * interval.Low, "0.0")} to {NumberText.Of(100 * interval.High, "0.0")}";
}
