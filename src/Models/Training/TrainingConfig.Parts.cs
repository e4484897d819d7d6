using System.Text.Json.Nodes;

namespace HeadTap.Models;

// The optimiser's fields, and the parts of the config as JSON.
public sealed partial record TrainingConfig
{
    static OptimizerOptions ReadOptimizer(JsonFields json)
    {
        json.Only(FieldNames["optimizer"]);
        if (json.Nested("adamw") is { } adamw)
        {
            json.Only("adamw");
            return ReadAdamW(adamw);
        }
        return ReadSgd(Needed(json, "sgd"));
    }

    static AdamWOptions ReadAdamW(JsonFields json)
    {
        json.Only(FieldNames["optimizer.adamw"]);
        var absent = new AdamWOptions();
        return new AdamWOptions
        {
            LearningRate = json.Float("learning_rate", absent.LearningRate),
            Beta1 = json.Float("beta1", absent.Beta1),
            Beta2 = json.Float("beta2", absent.Beta2),
            Epsilon = json.Float("epsilon", absent.Epsilon),
            WeightDecay = json.Float("weight_decay", absent.WeightDecay),
            DecayOnlyMatrices = json.Flag("decay_only_matrices", absent.DecayOnlyMatrices),
        };
    }

    static SgdOptions ReadSgd(JsonFields json)
    {
        json.Only(FieldNames["optimizer.sgd"]);
        var absent = new SgdOptions();
        return new SgdOptions
        {
            LearningRate = json.Float("learning_rate", absent.LearningRate),
            Momentum = json.Float("momentum", absent.Momentum),
            Dampening = json.Float("dampening", absent.Dampening),
            Nesterov = json.Flag("nesterov", absent.Nesterov),
            WeightDecay = json.Float("weight_decay", absent.WeightDecay),
            DecayOnlyMatrices = json.Flag("decay_only_matrices", absent.DecayOnlyMatrices),
        };
    }

    static JsonObject OptimizerJson(OptimizerOptions optimizer) => optimizer switch
    {
        AdamWOptions adamw => new JsonObject
        {
            ["adamw"] = new JsonObject
            {
                ["learning_rate"] = adamw.LearningRate,
                ["beta1"] = adamw.Beta1,
                ["beta2"] = adamw.Beta2,
                ["epsilon"] = adamw.Epsilon,
                ["weight_decay"] = adamw.WeightDecay,
                ["decay_only_matrices"] = adamw.DecayOnlyMatrices,
            },
        },
        SgdOptions sgd => new JsonObject
        {
            ["sgd"] = new JsonObject
            {
                ["learning_rate"] = sgd.LearningRate,
                ["momentum"] = sgd.Momentum,
                ["dampening"] = sgd.Dampening,
                ["nesterov"] = sgd.Nesterov,
                ["weight_decay"] = sgd.WeightDecay,
                ["decay_only_matrices"] = sgd.DecayOnlyMatrices,
            },
        },
        _ => throw new ArgumentOutOfRangeException(nameof(optimizer), optimizer, null),
    };

    static JsonObject SizesJson(ModelConfig sizes) => new()
    {
        ["layers"] = sizes.Layers,
        ["width"] = sizes.Width,
        ["heads"] = sizes.Heads,
        ["inner"] = sizes.Inner,
        ["context"] = sizes.ContextLength,
        ["activation"] = ModelConfig.ActivationName(sizes.Activation),
        ["layer_norm_epsilon"] = sizes.LayerNormEpsilon,
        ["tied_head"] = sizes.TiedHead,
    };

    static JsonObject TokenizerJson(TrainingTokenizer tokenizer) => tokenizer.From is { } from
        ? new JsonObject { ["from"] = from }
        : new JsonObject
        {
            ["train_bpe"] = new JsonObject
            {
                ["vocab_size"] = tokenizer.VocabSize,
                ["minimum_count"] = tokenizer.MinimumCount,
            },
        };

    static JsonObject ScheduleJson(LearningRateSchedule schedule) => new()
    {
        ["kind"] = schedule.Kind == ScheduleKind.Cosine ? "cosine" : "constant",
        ["warmup_steps"] = schedule.WarmupSteps,
        ["minimum_rate"] = schedule.MinimumRate,
    };

    static JsonArray TextsJson(IEnumerable<string> texts)
        => [.. texts.Select(text => JsonValue.Create(text))];
}
