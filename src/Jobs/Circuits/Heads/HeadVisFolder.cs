using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// HeadVis' folder of JSON files (Luger, Kamath et al. 2026), as its viewer and Neuronpedia's loaders read
/// it: config.json, scatter_data.json, heads/L0H0.json and so on, server_config.json and
/// attributions/manifest.json.
/// </summary>
static class HeadVisFolder
{
    /// <summary>Samples the text and writes the folder.</summary>
    internal static void Write(
        string path, HeadsFindings found, LanguageModel model, Manifest made, JobContext context)
    {
        var options = new HeadVisOptions { Seed = context.Seed };
        HeadsText text = found.Text;
        IReadOnlyList<HeadVisHead> heads = HeadVisSampling.Run(model, text.Windows, text.Count,
            new(text.MaxTokens), options, (done, rounds) => context.Report(
                "sampling", (double)done / ((long)text.Count * rounds)));
        var words = new LensText(text.Tokenizer);
        AtomicFolder.Write(path, into =>
        {
            WriteJson(Path.Combine(into, "config.json"), Config(found, model, made, options));
            WriteJson(Path.Combine(into, "scatter_data.json"), Scatter(found.Survey));
            WriteJson(Path.Combine(into, "server_config.json"), new JsonObject()); // no server beside it
            WriteJson(Path.Combine(into, "attributions", "manifest.json"), new JsonObject());
            foreach (HeadVisHead head in heads)
                AtomicFile.Write(Path.Combine(into, "heads", $"L{head.Layer}H{head.Head}.json"),
                    stream => HeadVisHeadFile.Write(stream, head, options, words));
        });
    }

    static void WriteJson(string path, JsonNode json)
        => AtomicFile.WriteText(path, json.ToJsonString() + "\n");

    static JsonArray Scatter(HeadSurvey survey) => new([.. survey.Scores.Select(s => (JsonNode)new JsonObject
    {
        ["layer"] = s.Layer, ["head"] = s.Head,
        ["self_attention_score"] = Rounded(s.SelfAttentionScore),
        ["prev_token_score"] = Rounded(s.PrevTokenScore), ["pattern_entropy"] = Rounded(s.PatternEntropy),
        ["qk_distance"] = Rounded(s.QkDistance),
        ["qk_distance_variance"] = Rounded(s.QkDistanceVariance),
        ["induction_score"] = Rounded(s.InductionScore),
    })]);

    /// <summary>A number with four digits behind the point, as the viewer's files have; null for
    /// none.</summary>
    internal static JsonNode? Rounded(double value) => double.IsFinite(value) ? Math.Round(value, 4) : null;

    static JsonObject Config(HeadsFindings found, LanguageModel model, Manifest made, HeadVisOptions options)
    {
        ModelConfig c = model.Config;
        string name = Path.GetFileName(
            Path.TrimEndingDirectorySeparator(Path.GetFullPath(found.Options.Model)));
        JsonObject metrics = new(
            [.. s_metrics.Select(m => KeyValuePair.Create(m.Name, (JsonNode?)m.Meaning))]);
        return new()
        {
            ["model_name"] = name, ["np_model_id"] = name, ["dataset_name"] = found.Text.Name,
            ["heads"] = new JsonArray([.. found.Survey.Scores.Select(
                s => (JsonNode)new JsonArray(s.Layer, s.Head))]),
            ["n_layers"] = c.Layers, ["n_heads"] = c.Heads, ["n_intervals"] = options.Intervals,
            ["metrics"] = new JsonArray([.. s_metrics.Select(m => (JsonNode)m.Name)]),
            ["metric_descriptions"] = metrics,
            ["head_data_pattern"] = "L{layer}H{head}.json", ["has_umap"] = false,
            ["umap_heads"] = new JsonArray(),
            ["custom_plots"] = new JsonArray(Keyed("qk_distance_histogram", "Q-K distance"),
                Keyed("histogram", "Activation distribution")),
            ["custom_tables"] = new JsonArray(Keyed("top_query_tokens", "Top query tokens"),
                Keyed("top_key_tokens", "Top key tokens")),
            ["statistics_display"] = new JsonObject
            {
                ["n_samples"] = Shown("Samples kept"),
                ["mean_max_activation"] = Shown("Mean max activation"),
            },
            ["pipeline_config"] = Pipeline(found, c, made, options, name),
        };
    }

    // What Neuronpedia's loaders ask for, and what makes the files again.
    static JsonObject Pipeline(
        HeadsFindings found, ModelConfig c, Manifest made, HeadVisOptions options, string name) => new()
    {
        ["model_name"] = name, ["np_model_id"] = name, ["dataset_name"] = found.Text.Name,
        ["n_sequences"] = found.Survey.Windows, ["actual_sequences_processed"] = found.Survey.Windows,
        ["seq_len"] = found.Text.MaxTokens, ["dtype"] = made.Precision, ["attn_implementation"] = "headtap",
        ["induction_attention_threshold"] = 0.01, ["n_intervals"] = options.Intervals,
        ["samples_per_interval"] = options.Samples, ["samples_per_top_interval"] = options.TopSamples,
        ["sparse_topk_per_row"] = options.KeysOfQuery,
        ["sparse_threshold"] = Math.Round(options.LeastAttention, 4), ["sample_seed"] = options.Seed,
        ["warmup_size"] = HeadVisOptions.BorderWindows(found.Text.Count),
        ["num_hidden_layers"] = c.Layers, ["num_attention_heads"] = c.Heads, ["device"] = made.Device,
        ["model_hash"] = made.ModelHash, ["data_hash"] = made.DataHash, ["code_version"] = made.CodeVersion,
        ["headtap"] = made.Options.DeepClone(),
    };

    static JsonObject Keyed(string key, string label) => new() { ["key"] = key, ["label"] = label };

    static JsonObject Shown(string label) => new() { ["label"] = label, ["format"] = "default" };

    static readonly (string Name, string Meaning)[] s_metrics =
    [
        ("self_attention_score", "Mean attention of a token to itself: the diagonal."),
        ("prev_token_score", "Mean attention to the token before: the first subdiagonal."),
        ("pattern_entropy", "Mean entropy of a query's attention, in nats."),
        ("qk_distance", "Mean distance from query to key, weighed with attention."),
        ("qk_distance_variance", "Variance of that distance."),
        ("induction_score", "Mean attention to tokens behind earlier places of the query's token."),
    ];
}
