using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Scores the nodes and edges of a model on pairs of prompts by attribution patching, and runs the circuit of
/// the largest edges.
/// </summary>
public static class AttributeJob
{
    const int DefaultEdges = 100;

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the pairs or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static AttributeResult Run(AttributeOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ContrastData data = (options.Contrast with { CleanIsEnough = false }).Read(context);
        MetricKind kind = options.Check(data);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, data.Folder);
        using var runner = new PairRunner(loaded.Model, data.Pairs.Max(p => p.Clean.Length));
        var scores = PairScores.Of(loaded.Model, runner, data.Pairs, kind, options, context);
        double[] edges = scores.Mean(p => p.Attribution.Edges);
        EdgeCircuit circuit = options.Threshold is { } least
            ? EdgeCircuit.Above(scores.Graph, edges, least)
            : EdgeCircuit.Largest(scores.Graph, edges,
                Math.Min(options.Edges ?? DefaultEdges, scores.Graph.Edges));
        double[] values = PairScores.RunCircuit(loaded.Model, runner, data.Pairs, kind, circuit, context);
        AttributeResult result = new(ModelFolder.Hash(data.Folder), MetricWords.Of(kind), options.IgSteps,
            data.Pairs.Count, scores.Mean(p => p.Attribution.Clean), scores.Mean(p => p.Attribution.Corrupt),
            scores.Nodes(context.Seed), scores.Completeness(), scores.Agreement(options.Top),
            scores.Circuit(circuit, edges, values, context.Seed))
        {
            Positions = options.ByPosition ? scores.Positions(data, options.FromEnd, context.Seed) : null,
            Bos = data.Bos,
        };
        Write(options, data, result, scores, device, context);
        return result;
    }

    static void Write(AttributeOptions options, ContrastData data, AttributeResult result,
        PairScores scores, ComputeDevice device, JobContext context)
    {
        Manifest made = OutputFile.ManifestOf("attribute", new JsonObject
        {
            ["pairs"] = data.File, ["metric"] = result.Metric, ["ig_steps"] = options.IgSteps,
            ["edges"] = options.Threshold is null ? options.Edges ?? DefaultEdges : (int?)null,
            ["threshold"] = options.Threshold, ["agreement"] = options.Agreement, ["by"] = options.By,
            ["from_end"] = options.FromEnd, ["bos"] = data.Bos,
            ["prompts"] = data.File is not null ? null : new JsonObject
            {
                ["clean"] = Numbers(data.Pairs[0].Clean), ["corrupt"] = Numbers(data.Pairs[0].Corrupt!),
                ["answer"] = data.Pairs[0].Answer, ["wrong"] = data.Pairs[0].Wrong,
            },
        }, data.Folder, device);
        if (options.EdgesOut is { } file)
        {
            AtomicFile.WriteText(file, Lines(file, scores, context));
            made.WriteBeside(file);
        }
        if (options.Svg is { } svg)
        {
            AtomicFile.WriteText(svg, CircuitPicture.Draw(result, data.Config));
            made.WriteBeside(svg);
        }
        if (options.Out is not { } page)
            return;
        AttributeReport.Make(result, data, options.Top).Save(page);
        made.WriteBeside(page);
    }

    static JsonArray Numbers(int[] ids) => [.. ids.Select(id => (JsonNode)id)];

    // A line for each edge; ends of intervals only where there are several pairs.
    static string Lines(string path, PairScores scores, JobContext context)
    {
        bool csv = path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase);
        int edges = scores.Graph.Edges;
        string[] lines = new string[edges];
        for (int e = 0; e < edges; e++)
        {
            if (e % 256 == 0)
                context.Report("writing edges", (double)e / edges);
            EdgeEffectResult edge = scores.Edge(e, context.Seed);
            lines[e] = csv ? Fields(edge) : Json(edge).ToJsonString();
        }
        string names = "from,to,input,effect" + (scores.Pairs > 1 ? ",low,high" : "");
        return string.Join('\n', csv ? lines.Prepend(names) : lines) + "\n";
    }

    static string Fields(EdgeEffectResult edge)
        => string.Create(CultureInfo.InvariantCulture, $"{edge.From},{edge.To},{edge.Input},{edge.Effect:R}")
            + (edge.Low is { } low
                ? string.Create(CultureInfo.InvariantCulture, $",{low:R},{edge.High:R}") : "");

    static JsonObject Json(EdgeEffectResult edge)
    {
        var line = new JsonObject
        {
            ["from"] = edge.From, ["to"] = edge.To, ["input"] = edge.Input, ["effect"] = edge.Effect,
        };
        if (edge.Low is { } low)
            (line["low"], line["high"]) = (low, edge.High);
        return line;
    }
}
