using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>What was found for a pair.</summary>
/// <param name="Pair">The pair.</param>
/// <param name="Hop">Where it fails.</param>
/// <param name="Before">How the answer stands, nothing injected.</param>
/// <param name="Each">A suggestion of every kind.</param>
/// <param name="Chosen">The one that is proposed.</param>
/// <param name="Cosine">Of the layer's attention outputs for the two prompts.</param>
sealed record SuggestedPair(EncodedPair Pair, FailingHop Hop, AnswerStanding Before,
    IReadOnlyList<Suggestion> Each, Suggestion Chosen, double Cosine);

/// <summary>Suggestions as tables and JSON.</summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="hasBridge">Whether a bridge was named.</param>
/// <param name="hasAnswer">Whether an answer was named.</param>
sealed class SuggestionText(ByteBpeTokenizer tokenizer, bool hasBridge, bool hasAnswer)
{
    const int ShownTokens = 5;

    /// <summary>One pair.</summary>
    internal void ShowOne(Invocation run, SuggestedPair found)
    {
        if (run.Json)
        {
            run.WriteJson(Json(found));
            return;
        }
        Table table = hasAnswer
            ? Invocation.Table("memory", "layer", "tau", "nats to single-hop", "p", "rank", "tokens")
            : Invocation.Table("memory", "layer", "tau", "nats to single-hop", "tokens");
        Add("nothing", "", "", found.Hop.Divergence, found.Before, "");
        foreach (Suggestion s in found.Each)
            Add((ReferenceEquals(s, found.Chosen) ? "> " : "") + Suggestion.Word(s.Kind), $"{s.Layer}",
                $"{s.Tau:0.###}", s.Divergence, s.Answer, List(s));
        run.Draw(table);
        run.Line(Reason(found));

        void Add(string name, string layer, string tau, double divergence, AnswerStanding answer,
            string tokens) => Invocation.Row(table, [name, layer, tau, $"{divergence:0.000}",
                .. hasAnswer ? (string[])[$"{answer.Probability:P2}", $"{answer.Rank}"] : [], tokens]);
    }

    /// <summary>All pairs of a file, in short.</summary>
    internal void ShowAll(Invocation run, IReadOnlyList<SuggestedPair> found, string? path)
    {
        var layers = found.GroupBy(f => f.Hop.Layer).OrderBy(g => g.Key)
            .Select(g => (g.Key, Count: g.Count()));
        var heads = found.GroupBy(f => (f.Hop.Layer, f.Hop.Head)).OrderByDescending(g => g.Count())
            .ThenBy(g => g.Key).Take(5).Select(g => ($"{g.Key.Layer}.{g.Key.Head}", Count: g.Count()));
        double before = found.Average(f => f.Before.Probability);
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["pairs"] = found.Count,
                ["p_before"] = before,
                ["failing_layers"] = new JsonObject(layers.Select(l =>
                    KeyValuePair.Create($"{l.Key}", (JsonNode?)l.Count))),
                ["failing_heads"] = new JsonObject(heads.Select(h =>
                    KeyValuePair.Create(h.Item1, (JsonNode?)h.Count))),
                ["suggestions"] = new JsonArray([.. found.Select(Json)]),
            });
            return;
        }
        Table table = Invocation.Table("memory", "pairs", "mean p", "rank 1");
        Add("nothing", found.Count, [.. found.Select(f => f.Before)]);
        foreach (SuggestedMemory kind in found[0].Each.Select(s => s.Kind))
            Add(Suggestion.Word(kind), found.Count(f => f.Each.Any(s => s.Kind == kind && s.Tau != 0)),
                [.. found.Select(f => f.Each.First(s => s.Kind == kind).Answer)]);
        Add("chosen", found.Count(f => f.Chosen.Tau != 0), [.. found.Select(f => f.Chosen.Answer)]);
        run.Draw(table);
        run.Line($"failing layers: {string.Join(", ", layers.Select(l => $"{l.Key} ({l.Count})"))}; heads: "
            + string.Join(", ", heads.Select(h => $"{h.Item1} ({h.Count})")));
        if (path is not null)
            run.Remark($"written: {path}");

        void Add(string name, int used, AnswerStanding[] after) => Invocation.Row(table, name, $"{used}",
            $"{after.Average(a => a.Probability):P2}",
            $"{(double)after.Count(a => a.Rank == 1) / after.Length:P1}");
    }

    /// <summary>Writes a row for each pair.</summary>
    internal void Write(string path, IReadOnlyList<SuggestedPair> found, Manifest manifest)
    {
        AtomicFile.Write(path, stream =>
        {
            foreach (SuggestedPair pair in found)
                stream.Write([.. System.Text.Encoding.UTF8.GetBytes(Json(pair).ToJsonString()), (byte)'\n']);
        });
        manifest.WriteBeside(path);
    }

    /// <summary>An evaluation.</summary>
    internal static void Show(Invocation run, SuggestionEvaluation found, int validation, int test)
    {
        string cell = $"{SweptCell.Word(found.Cell.Encoder)}, "
            + $"{(found.Cell.Positions == MemoryPositions.Last ? "last position" : "all positions")}, "
            + $"layer {found.Cell.Layer}, "
            + $"tau {found.Cell.Tau}";
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["validation_pairs"] = validation,
                ["test_pairs"] = test,
                ["fixed_cell"] = cell,
                ["comparison_agrees"] = found.Agreement,
                ["results"] = new JsonArray([.. found.Results.Select(Json)]),
            });
            return;
        }
        Table table = Invocation.Table(
            "", "mean p", "95 %", "rank 1", "95 % ", "repaired", "broken", "trimmed mean", "median");
        foreach (SuggestionResult r in found.Results)
            Invocation.Row(table, r.Name, $"{r.Gain.MeanAfter:P1}", Range(r.MeanAfter), $"{r.First:P1}",
                Range(r.FirstInterval), $"{r.Gain.Repaired:P1}", $"{r.Gain.Broken:P1}",
                $"{r.Gain.TrimmedMean:0.0} %", $"{r.Gain.Median:0.0} %");
        run.Draw(table);
        run.Line($"{test} test pairs; one cell for all, chosen on {validation} validation pairs: {cell}; "
            + "intervals from draws of entities with all their pairs");
        run.Line($"the lists overlap least in the layer that the search finds for {found.Agreement:P0} of "
            + "pairs; failing layers: "
            + string.Join(", ", found.Hops.GroupBy(h => h.Layer).OrderBy(g => g.Key)
                .Select(g => $"{g.Key} ({g.Count()})")));
    }

    static string Range(Interval interval) => $"{100 * interval.Low:0.0} to {100 * interval.High:0.0}";

    static JsonArray Ends(Interval i) => [JsonNumber.Of(i.Low), JsonNumber.Of(i.High)];

    static JsonObject Json(SuggestionResult r) => new()
    {
        ["way"] = r.Name,
        ["mean_p"] = r.Gain.MeanAfter,
        ["mean_p_interval"] = Ends(r.MeanAfter),
        ["rank_1"] = r.First,
        ["rank_1_interval"] = Ends(r.FirstInterval),
        ["repaired"] = JsonNumber.Of(r.Gain.Repaired),
        ["broken"] = JsonNumber.Of(r.Gain.Broken),
        ["trimmed_mean"] = JsonNumber.Of(r.Gain.TrimmedMean),
        ["median"] = JsonNumber.Of(r.Gain.Median),
        ["mean_probability_change"] = JsonNumber.Of(r.Gain.ProbabilityChange),
    };

    JsonObject Json(SuggestedPair found) => new()
    {
        ["explicit"] = found.Pair.Pair.Explicit,
        ["obscure"] = found.Pair.Pair.Obscure,
        ["bridge"] = hasBridge ? found.Pair.Pair.Bridge : null,
        ["layer"] = found.Hop.Layer,
        ["head"] = found.Hop.Head,
        ["divergence"] = found.Hop.Divergence,
        ["divergence_by_layer"] = new JsonArray([.. found.Hop.ByLayer.Select(d => (JsonNode)d)]),
        ["divergence_by_head"] = new JsonArray([.. found.Hop.ByHead.Select(d => (JsonNode)d)]),
        ["cosine"] = found.Cosine,
        ["p_before"] = hasAnswer ? found.Before.Probability : null,
        ["rank_before"] = hasAnswer ? found.Before.Rank : null,
        ["memories"] = new JsonArray([.. found.Each.Select(Json)]),
        ["chosen"] = Suggestion.Word(found.Chosen.Kind),
        ["reason"] = Reason(found),
        ["edit"] = EditSpec.ToJson([found.Chosen.ToEdit()]),
    };

    JsonObject Json(Suggestion s) => new()
    {
        ["memory"] = Suggestion.Word(s.Kind),
        ["layer"] = s.Layer,
        ["tau"] = s.Tau,
        ["token_ids"] = new JsonArray([.. s.Tokens.Select(t => (JsonNode)t)]),
        ["tokens"] = new JsonArray([.. s.Tokens.Select(t => (JsonNode)tokenizer.Decode([t]))]),
        ["divergence"] = s.Divergence,
        ["p_after"] = hasAnswer ? s.Answer.Probability : null,
        ["rank_after"] = hasAnswer ? s.Answer.Rank : null,
    };

    string Reason(SuggestedPair found)
    {
        FailingHop hop = found.Hop;
        string hops = $"With layer {hop.Layer}'s attention output at the last position as the single-hop "
            + $"prompt has it, the next token is {hop.ByLayer[hop.Layer]:0.00} nats from that prompt's "
            + $"instead of {hop.Divergence:0.00}, nearer than with any other layer's; head "
            + $"{hop.Layer}.{hop.Head} alone gives {hop.ByHead[hop.Head]:0.00}; ";
        Suggestion s = found.Chosen;
        return hops + (s.Tau == 0 ? "no memory of the kind asked for comes nearer than nothing."
            : $"{Suggestion.Word(s.Kind)}{(s.Tokens.Count > 0 ? " (" + List(s) + ")" : "")} with tau "
                + $"{s.Tau:0.###} gives {s.Divergence:0.00}.");
    }

    string List(Suggestion s) => string.Join(' ', s.Tokens.Take(ShownTokens)
        .Select(t => PromptOptions.Visible(tokenizer.Decode([t]))))
        + (s.Tokens.Count > ShownTokens ? " ..." : "");
}
