using System.Text.Json.Nodes;

namespace HeadTap.Models;

// Which fields there are, and which may change while a run is stopped.
public sealed partial record TrainingConfig
{
    // Whatever the schedule: how often a run is saved and looked at does not change its bits.
    static readonly string[] s_free = ["checkpoint_every", "evaluate_every", "samples"];
    static readonly string[] s_length = ["steps", "epochs"];

    /// <summary>
    /// The fields of every object of the JSON file by the object's name, "" for the file itself; docs/cli.md
    /// describes each.
    /// </summary>
    internal static IReadOnlyDictionary<string, string[]> FieldNames { get; } =
        new Dictionary<string, string[]>
        {
            [""] = ["model", "data", "tokenizer", "texts", "rows", "tokens_per_row", "batch_rows",
                "accumulation", "steps", "epochs", "optimizer", "schedule", "clip", "seed", "train",
                "checkpoint_every", "evaluate_every", "validation", "samples"],
            ["model"] = ["from", "layers", "width", "heads", "inner", "context", "activation",
                "layer_norm_epsilon", "tied_head"],
            ["data"] = ["files", "atlas"],
            ["data.atlas"] = ["seed"],
            ["tokenizer"] = ["from", "train_bpe"],
            ["tokenizer.train_bpe"] = ["vocab_size", "minimum_count"],
            ["texts"] = ["fields", "lines", "special", "bos", "bos_token"],
            ["optimizer"] = ["adamw", "sgd"],
            ["optimizer.adamw"] = ["learning_rate", "beta1", "beta2", "epsilon", "weight_decay",
                "decay_only_matrices"],
            ["optimizer.sgd"] = ["learning_rate", "momentum", "dampening", "nesterov", "weight_decay",
                "decay_only_matrices"],
            ["schedule"] = ["kind", "warmup_steps", "minimum_rate"],
            ["validation"] = ["files", "share"],
            ["samples"] = ["prompts", "max_new_tokens", "temperature", "top_k", "top_p", "seed"],
        };

    /// <summary>
    /// Fields that do not change the bits of steps that are done. The number of steps is one of them where no
    /// learning rate depends on it.
    /// </summary>
    internal IReadOnlyList<string> Free =>
        Schedule.Kind == ScheduleKind.Constant ? [.. s_free, .. s_length] : s_free;

    /// <summary>Why the other fields of the run's length may not change, by their names.</summary>
    internal static IReadOnlyDictionary<string, string> WhyNotFree { get; } = s_length.ToDictionary(
        field => field, _ => "the learning rates of the steps that are done depend on it, unless "
            + "schedule.kind is \"constant\"");

    static TrainingTextRules ReadTexts(JsonFields json)
    {
        json.Only(FieldNames["texts"]);
        return new TrainingTextRules
        {
            Fields = json.Text("fields", null),
            Lines = json.Flag("lines", false),
            Special = json.Flag("special", false),
            Bos = json.Flag("bos", true),
            BosToken = json.Text("bos_token", null),
        };
    }

    static JsonObject RulesJson(TrainingTextRules texts) => new()
    {
        ["fields"] = texts.Fields,
        ["lines"] = texts.Lines,
        ["special"] = texts.Special,
        ["bos"] = texts.Bos,
        ["bos_token"] = texts.BosToken,
    };

    static TrainingSamples ReadSamples(JsonFields json)
    {
        json.Only(FieldNames["samples"]);
        var absent = new TrainingSamples { Prompts = [] };
        return new TrainingSamples
        {
            Prompts = json.Texts("prompts") ?? throw json.Bad("prompts", "missing", "a list of texts"),
            MaxNewTokens = json.Int("max_new_tokens", absent.MaxNewTokens),
            Temperature = json.Float("temperature", absent.Temperature),
            TopK = json.Int("top_k", absent.TopK),
            TopP = json.Float("top_p", absent.TopP),
            Seed = json.UInt64("seed") ?? absent.Seed,
        };
    }

    static JsonObject SamplesJson(TrainingSamples samples) => new()
    {
        ["prompts"] = TextsJson(samples.Prompts),
        ["max_new_tokens"] = samples.MaxNewTokens,
        ["temperature"] = samples.Temperature,
        ["top_k"] = samples.TopK,
        ["top_p"] = samples.TopP,
        ["seed"] = samples.Seed,
    };
}
