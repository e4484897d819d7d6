using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

// The JSON file. A field that is not known is an error; a field that is absent has its default.
public sealed partial record TrainingConfig
{
    static readonly (string Name, TokenRows Value)[] s_rows =
    [
        ("packed", TokenRows.Packed), ("per-document", TokenRows.PerDocument),
        ("shuffled", TokenRows.Shuffled),
    ];

    /// <summary>Reads a config file.</summary>
    /// <exception cref="UserException">It is missing, is no JSON object, has an unknown field or a wrong
    /// one.</exception>
    public static TrainingConfig Read(string path)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path, most: 1 << 20);
        var json = new JsonFields(path, document.RootElement);
        json.Only(FieldNames[""]);
        var absent = new TrainingConfig { Model = new TrainingModel(), Data = new TrainingData() };
        return new TrainingConfig
        {
            Model = ReadModel(Needed(json, "model")),
            Data = ReadData(Needed(json, "data")),
            Tokenizer = json.Nested("tokenizer") is { } tokenizer ? ReadTokenizer(tokenizer) : null,
            Texts = json.Nested("texts") is { } texts ? ReadTexts(texts) : absent.Texts,
            Rows = Choice(json, "rows", s_rows),
            TokensPerRow = json.Int("tokens_per_row", 0),
            BatchRows = json.Int("batch_rows", absent.BatchRows),
            Accumulation = json.Int("accumulation", absent.Accumulation),
            Steps = json.Has("steps") ? json.Int("steps") : null,
            Epochs = json.Has("epochs") ? json.Int("epochs") : null,
            Optimizer = json.Nested("optimizer") is { } optimizer
                ? ReadOptimizer(optimizer) : absent.Optimizer,
            Schedule = json.Nested("schedule") is { } schedule ? ReadSchedule(schedule) : absent.Schedule,
            Clip = json.Float("clip", absent.Clip),
            Seed = json.UInt64("seed") ?? absent.Seed,
            Train = json.Texts("train") ?? absent.Train,
            CheckpointEvery = json.Int("checkpoint_every", absent.CheckpointEvery),
            EvaluateEvery = json.Int("evaluate_every", absent.EvaluateEvery),
            Validation = json.Nested("validation") is { } validation ? ReadValidation(validation) : null,
            Samples = json.Nested("samples") is { } samples ? ReadSamples(samples) : null,
        }.Validated(path);
    }

    /// <summary>
    /// The config as <see cref="Read"/> reads it, defaults written out; without <c>texts</c> and
    /// <c>samples</c> where they say nothing.
    /// </summary>
    public JsonObject ToJson()
    {
        JsonObject json = PlainJson();
        if (Texts != new TrainingTextRules())
            json["texts"] = RulesJson(Texts);
        if (Samples is not null)
            json["samples"] = SamplesJson(Samples);
        return json;
    }

    JsonObject PlainJson() => new()
    {
        ["model"] = Model.From is { } from ? new JsonObject { ["from"] = from } : SizesJson(Model.Sizes!),
        ["data"] = Data.AtlasSeed is { } atlas
            ? new JsonObject { ["atlas"] = new JsonObject { ["seed"] = atlas } }
            : new JsonObject { ["files"] = TextsJson(Data.Files) },
        ["tokenizer"] = Tokenizer is null ? null : TokenizerJson(Tokenizer),
        ["rows"] = s_rows.First(row => row.Value == Rows).Name,
        ["tokens_per_row"] = TokensPerRow,
        ["batch_rows"] = BatchRows,
        ["accumulation"] = Accumulation,
        ["steps"] = Steps,
        ["epochs"] = Epochs,
        ["optimizer"] = OptimizerJson(Optimizer),
        ["schedule"] = ScheduleJson(Schedule),
        ["clip"] = Clip,
        ["seed"] = Seed,
        ["train"] = TextsJson(Train),
        ["checkpoint_every"] = CheckpointEvery,
        ["evaluate_every"] = EvaluateEvery,
        ["validation"] = Validation is null ? null
            : Validation.Files.Count > 0 ? new JsonObject { ["files"] = TextsJson(Validation.Files) }
            : new JsonObject { ["share"] = Validation.Share },
    };

    /// <summary>
    /// SHA-256 of everything that the bits of a run's steps depend on, as <see cref="Free"/> says.
    /// </summary>
    public string Hash()
    {
        JsonObject json = ToJson();
        foreach (string field in Free)
            json.Remove(field);
        if (Validation is { Files.Count: > 0 })
            json["validation"] = null;
        return Hash(json);
    }

    /// <summary>What checkpoints of version 0.1.0 have in its place.</summary>
    internal string OldHash()
    {
        JsonObject json = ToJson();
        json.Remove("checkpoint_every");
        return Hash(json);
    }

    static string Hash(JsonObject json) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json.ToJsonString())));

    static JsonFields Needed(JsonFields json, string field) =>
        json.Nested(field) ?? throw json.Bad(field, "missing", "an object");

    static T Choice<T>(JsonFields json, string field, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        string found = json.Text(field, choices[0].Name);
        string names = "";
        foreach ((string name, T value) in choices)
        {
            if (name == found)
                return value;
            names += names.Length == 0 ? Quoted.Name(name) : " or " + Quoted.Name(name);
        }
        throw json.Bad(field, Quoted.Name(found), names);
    }

    // What the sizes are called here, for messages; the defaults of absent keys are those of config.json.
    static readonly ConfigKeys s_sizeNames = Gpt2.Architecture.Config with
    {
        ContextLength = "context", Width = "width", Layers = "layers", Heads = "heads", Inner = "inner",
        LayerNormEpsilon = "layer_norm_epsilon",
    };

    static TrainingModel ReadModel(JsonFields json)
    {
        json.Only(FieldNames["model"]);
        if (json.Text("from", null) is { } from)
        {
            json.Only("from");
            return new TrainingModel { From = from };
        }
        return new TrainingModel
        {
            Sizes = new ModelConfig
            {
                VocabSize = 1, // the tokenizer's, known later
                ContextLength = json.Int("context"),
                Width = json.Int("width"),
                Layers = json.Int("layers"),
                Heads = json.Int("heads"),
                Inner = json.Int("inner", 0),
                Activation = Choice(json, "activation", ("gelu_new", Activation.GeluTanh),
                    ("gelu", Activation.GeluExact), ("relu", Activation.Relu)),
                LayerNormEpsilon = json.Float("layer_norm_epsilon", 1e-5f),
                TiedHead = json.Flag("tied_head", true),
                // Nothing is dropped in training here, and the folder says so.
                ResidualDropout = 0,
                EmbeddingDropout = 0,
                AttentionDropout = 0,
            }.Validated(json.Path, s_sizeNames),
        };
    }

    static TrainingData ReadData(JsonFields json)
    {
        json.Only(FieldNames["data"]);
        ulong? seed = null;
        if (json.Nested("atlas") is { } atlas)
        {
            atlas.Only(FieldNames["data.atlas"]);
            seed = atlas.UInt64("seed") ?? 1;
        }
        return new TrainingData { Files = json.Texts("files") ?? [], AtlasSeed = seed };
    }

    static TrainingTokenizer ReadTokenizer(JsonFields json)
    {
        json.Only(FieldNames["tokenizer"]);
        if (json.Text("from", null) is { } from)
        {
            json.Only("from");
            return new TrainingTokenizer { From = from };
        }
        JsonFields bpe = Needed(json, "train_bpe");
        bpe.Only(FieldNames["tokenizer.train_bpe"]);
        return new TrainingTokenizer
        {
            VocabSize = bpe.Int("vocab_size"), MinimumCount = bpe.Int("minimum_count", 2),
        };
    }

    static TrainingValidation ReadValidation(JsonFields json)
    {
        json.Only(FieldNames["validation"]);
        return new TrainingValidation { Files = json.Texts("files") ?? [], Share = json.Float("share", 0) };
    }

    static LearningRateSchedule ReadSchedule(JsonFields json)
    {
        json.Only(FieldNames["schedule"]);
        return new LearningRateSchedule
        {
            Kind = Choice(json, "kind", ("cosine", ScheduleKind.Cosine), ("constant", ScheduleKind.Constant)),
            WarmupSteps = json.Int("warmup_steps", 0),
            MinimumRate = json.Has("minimum_rate") ? json.Float("minimum_rate", 0) : null,
        };
    }
}
