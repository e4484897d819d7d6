using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>attribute</c>: what adds to a logit, or which nodes and edges carry an answer, and the circuit of them.
/// </summary>
sealed class AttributeCommand
{
    readonly ContrastOptions _contrast = new();
    readonly Option<string?> _text = new("--text")
    {
        Description = "another name of --clean", HelpName = "S",
    };
    readonly Option<string?> _ids = new("--ids")
    {
        Description = "another name of --clean-ids", HelpName = "1,2,3",
    };
    readonly Option<bool> _direct = new("--direct")
    {
        Description = "split the answer's logit (less the wrong answer's) into what each part adds; needs no "
            + "corrupted prompt",
    };
    readonly Option<int?> _neurons = GlobalOptions.OptionalNumber<int>("--neurons",
        "with --direct: the layer whose neurons are listed one by one, --top of them");
    readonly Option<string?> _metric = new("--metric")
    {
        Description = "what is measured; logit-diff where there is a wrong answer, else logprob",
        HelpName = "logit-diff|logprob|kl",
    };
    readonly Option<int?> _steps = GlobalOptions.OptionalNumber<int>("--ig-steps",
        "points between the two prompts' embeddings at which gradients are taken (EAP-IG), 5 if left out; 0 "
        + "takes those of the corrupted prompt (EAP)");
    readonly Option<int?> _edges = GlobalOptions.OptionalNumber<int>("--edges",
        "edges with the largest effects that make the circuit, 100 if left out");
    readonly Option<double?> _threshold = GlobalOptions.OptionalNumber<double>("--threshold",
        "the circuit's smallest effect, in place of --edges");
    readonly Option<bool> _agreement = new("--agreement")
    {
        Description = "also patch every node, and say how well the estimates agree",
    };
    readonly Option<string?> _by = new("--by")
    {
        Description = "what effects are listed by: node, or position for those of each position too "
            + "(layers x positions, heads x positions)",
        HelpName = "node|position",
    };
    readonly Option<bool> _fromEnd = new("--from-end")
    {
        Description = "with --by position: count positions from the end, for pairs of different length",
    };
    readonly Option<int> _top = GlobalOptions.Number("--top", 10, "largest parts, nodes and edges shown");
    readonly Option<int?> _rows = GlobalOptions.OptionalNumber<int>("--batch-rows",
        "most rows of a pass; 0 takes as many as 1,024 tokens hold");
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "a page, with the circuit as a graph", HelpName = "REPORT.html",
    };
    readonly Option<string?> _svg = new PathOption<string?>("--svg", PathUse.WritesFile)
    {
        Description = "the circuit's graph", HelpName = "F.svg",
    };
    readonly Option<string?> _edgesOut = new PathOption<string?>("--edges-out", PathUse.WritesFile)
    {
        Description = "the effects of all edges", HelpName = "F.csv|F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new AttributeCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("attribute",
            "What adds to a logit (--direct); which heads, blocks and edges carry an answer, and their "
            + "circuit");
        _contrast.AddTo(command);
        foreach (Option option in (Option[])[_text, _ids, _direct, _neurons, _metric, _steps, _edges,
            _threshold, _agreement, _by, _fromEnd, _top, _rows, _out, _svg, _edgesOut])
            command.Options.Add(option);
        command.SetAction(parsed => parsed.GetValue(_direct)
            ? Direct(global.Of(parsed), parsed) : Edges(global.Of(parsed), parsed));
        return command;
    }

    ContrastRequest Contrast(ParseResult parsed)
    {
        ContrastRequest request = _contrast.Read(parsed);
        if (parsed.GetValue(_ids) is { } ids)
            TokenRowsFile.ParseIds(ids, "Ids"); // so that an error names this option
        foreach ((string alias, string? value, string option, string? other) in
            ((string, string?, string, string?)[])
            [("--text", parsed.GetValue(_text), "--clean", request.Clean),
            ("--ids", parsed.GetValue(_ids), "--clean-ids", request.CleanIds)])
            if (value is not null && other is not null)
                throw new UserException($"{alias} and {option} name the same prompt; expected one of them");
        return request with
        {
            Clean = request.Clean ?? parsed.GetValue(_text),
            CleanIds = request.CleanIds ?? parsed.GetValue(_ids),
        };
    }

    static void Refuse(ParseResult parsed, string mode, params ReadOnlySpan<Option> others)
    {
        foreach (Option option in others)
            if (parsed.GetResult(option) is { Implicit: false })
                throw new UserException($"{option.Name} says nothing {mode}; leave it out");
    }

    int Direct(Invocation run, ParseResult parsed)
    {
        Refuse(parsed, "with --direct", _metric, _steps, _edges, _threshold, _agreement, _by, _fromEnd,
            _rows, _svg, _edgesOut);
        var options = new AttributeDirectOptions
        {
            Contrast = Contrast(parsed), Neurons = parsed.GetValue(_neurons), Top = parsed.GetValue(_top),
            Out = parsed.GetValue(_out),
        };
        AttributeDirectResult found = run.RunJob(context => AttributeDirectJob.Run(options, context));
        if (run.Json)
            run.WriteJson(found, AttributeJobsJson.Default.AttributeDirectResult);
        else
            Print(run, found, options.Top);
        return Written(run, options.Out);
    }

    int Edges(Invocation run, ParseResult parsed)
    {
        Refuse(parsed, "without --direct", _neurons);
        var options = new AttributeOptions
        {
            Contrast = Contrast(parsed), Metric = parsed.GetValue(_metric),
            IgSteps = parsed.GetValue(_steps) ?? 5, Edges = parsed.GetValue(_edges),
            Threshold = parsed.GetValue(_threshold), Agreement = parsed.GetValue(_agreement),
            By = parsed.GetValue(_by), FromEnd = parsed.GetValue(_fromEnd), Top = parsed.GetValue(_top),
            BatchRows = parsed.GetValue(_rows) ?? 0,
            Out = parsed.GetValue(_out), Svg = parsed.GetValue(_svg), EdgesOut = parsed.GetValue(_edgesOut),
        };
        AttributeResult found = run.RunJob(context => AttributeJob.Run(options, context));
        if (run.Json)
            run.WriteJson(found, AttributeJobsJson.Default.AttributeResult);
        else
            Print(run, found, options.Top);
        return Written(run, options.Out, options.Svg, options.EdgesOut);
    }

    static int Written(Invocation run, params ReadOnlySpan<string?> files)
    {
        foreach (string? file in files)
            if (file is not null)
                run.Remark($"written: {file}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, AttributeDirectResult found, int top)
    {
        string what = found.Answer is { } answer
            ? VisibleText.Of(answer) + (found.Wrong is { } wrong ? $" less {VisibleText.Of(wrong)}" : "")
            : $"mean over {Counted.Of(found.Pairs, "prompt")}";
        run.Line($"logit  {found.Logit:0.0000} ({what}); the parts sum to {found.Sum:0.0000}");
        bool spread = found.Pairs > 1;
        Table table = Invocation.Table(["part", "adds", .. spread ? (string[])["from", "to"] : []]);
        foreach (LogitPartResult part in found.Parts.OrderByDescending(p => Math.Abs(p.Value)).Take(top))
            Invocation.Row(table, [part.Name, Signed(part.Value),
                .. spread ? (string[])[Signed(part.Low!.Value), Signed(part.High!.Value)] : []]);
        run.Draw(table);
    }

    static void Print(Invocation run, AttributeResult found, int top)
    {
        CircuitResult circuit = found.Circuit;
        run.Line($"metric        {found.Metric}: clean {found.Clean:0.0000}, corrupt {found.Corrupt:0.0000}"
            + (found.Pairs > 1 ? $" (means of {found.Pairs} pairs)" : ""));
        run.Line("gradients     " + (found.IgSteps == 0 ? "of the corrupted run (EAP)"
            : $"of {Counted.Of(found.IgSteps, "point")} between the runs (EAP-IG)"));
        run.Line($"completeness  embeddings {found.Completeness.Effect:0.0000} of "
            + $"{found.Completeness.Difference:0.0000}; error {found.Completeness.Error:0.0000}");
        if (found.Agreement is { } agreement)
            run.Line($"agreement     correlation {agreement.Pearson:0.000}, of ranks "
                + $"{agreement.Spearman:0.000}; {agreement.Overlap:0 %} of the {agreement.Top} "
                + "largest nodes");
        run.Line($"circuit       {circuit.Edges.Count} of {circuit.Of} edges, {circuit.Nodes.Count} nodes: "
            + $"{circuit.Value:0.0000}, faithfulness {circuit.Faithfulness:0.0 %}"
            + (circuit.Low is { } low ? $" ({low:0.0 %} to {circuit.High:0.0 %})" : ""));
        bool patched = found.Agreement is not null, spread = found.Pairs > 1;
        Table nodes = Invocation.Table(["node", "effect", .. spread ? (string[])["from", "to"] : [],
            .. patched ? (string[])["patched"] : []]);
        foreach (NodeEffectResult node in found.Nodes.Skip(1).OrderByDescending(n => Math.Abs(n.Effect))
            .Take(top))
            Invocation.Row(nodes, [node.Node, Signed(node.Effect), .. Ends(node.Low, node.High),
                .. patched ? (string[])[Signed(node.Patched!.Value)] : []]);
        run.Draw(nodes);
        Table edges = Invocation.Table(["edge", "effect", .. spread ? (string[])["from", "to"] : []]);
        foreach (EdgeEffectResult edge in circuit.Edges.Take(top))
            Invocation.Row(edges, [edge.Name, Signed(edge.Effect), .. Ends(edge.Low, edge.High)]);
        run.Draw(edges);
        if (found.Positions is { } positions)
            Print(run, positions, top);
    }

    static string[] Ends(double? low, double? high)
        => low is { } from && high is { } to ? [Signed(from), Signed(to)] : [];

    // The stream by layer and position, and the nodes whose output at one position matters most.
    static void Print(Invocation run, PositionEffectsResult found, int top)
    {
        int[] columns = [.. found.Streams.Select(s => s.Position).Distinct()];
        Table streams = Invocation.Table(["stream", .. columns.Select(p => PositionName.Of(p, found.Texts))]);
        foreach (IGrouping<int, StreamPositionResult> layer in found.Streams.GroupBy(s => s.Layer))
            Invocation.Row(streams, [$"layer {layer.Key}", .. layer.Select(s => Signed(s.Effect))]);
        run.Draw(streams);
        Table nodes = Invocation.Table(["node", "position", "effect",
            .. found.Texts is null ? (string[])["from", "to"] : []]);
        foreach (NodePositionResult node in found.Nodes.Where(n => n.Layer is not null)
            .OrderByDescending(n => Math.Abs(n.Effect)).Take(top))
            Invocation.Row(nodes, [node.Node, PositionName.Of(node.Position, found.Texts),
                Signed(node.Effect), .. Ends(node.Low, node.High)]);
        run.Draw(nodes);
    }

    static string Signed(double value) => $"{value:+0.0000;-0.0000;0.0000}";
}
