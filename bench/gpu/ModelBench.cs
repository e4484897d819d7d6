using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Gpu;

/// <summary>
/// GPT-2 124M with random weights: parity with PyTorch on the same file, then forward, forward + backward,
/// training step, head taps and decoding beside it.
/// </summary>
static class ModelBench
{
    // Each side is within 2e-5 of float64 (tests), so two sides are within twice that of each other.
    const double LogitBound = 4e-5;
    static readonly string[] s_precisions = ["fp32", "tf32", "bf16"];

    /// <summary>
    /// False when logits differ, or PyTorch cannot be asked for them; nothing is timed then.
    /// </summary>
    internal static bool Run(Bench bench)
    {
        string[] works = ["model parity", "forward, no logits", "forward hook_z", "forward hook_result",
            "forward + backward", "training step", "decode"];
        if (!works.Any(bench.Wanted))
            return true;
        ModelConfig config = bench.Options.Small
            ? ModelConfig.Tiny with { VocabSize = 211, ContextLength = 48 } : Gpt2.Small;
        using var model = new LanguageModel(bench.Device, config);
        model.Initialize(1);
        bench.Use("fp32");
        if (bench.Torch is { } torch && !Parity(torch, model))
            return false;
        (int, int)[] shapes = bench.Options.Small ? [(2, 16)] : [(4, 256), (1, 1024)];
        foreach ((int B, int T) in shapes)
        {
            Forward(bench, model, B, T);
            Backward(bench, model, B, T, compiled: (B, T) == shapes[0]);
        }
        if (!bench.Options.Small && bench.Wanted("training step"))
            Step(bench, model, 8, 1024, compiled: false);
        if (bench.Wanted("decode"))
            Decode(bench, model, prompt: bench.Options.Small ? 16 : 128, added: bench.Options.Small ? 8 : 64);
        return true;
    }

    static bool Parity(TorchPeer torch, LanguageModel model)
    {
        string folder = Directory.CreateTempSubdirectory("headtap-gpu-").FullName;
        try
        {
            model.Save(folder);
            torch.Ask(new JsonObject { ["do"] = "load", ["folder"] = folder });
            SequenceBatch batch = Batch(model.Config, 2, 16, out JsonArray ids);
            using var session = new ModelSession(
                model, new SessionOptions { MaxRows = 2, MaxTokens = 16, Logits = LogitsAt.All });
            session.Forward(batch);
            float[] ours = session.Logits.ToArray();
            string file = Path.Combine(folder, "logits.f32");
            torch.Ask(new JsonObject { ["do"] = "logits", ["ids"] = ids, ["out"] = file });
            byte[] bytes = File.ReadAllBytes(file);
            double worst = bytes.Length == ours.Length * sizeof(float) ? 0 : double.NaN;
            for (int i = 0; i < ours.Length && !double.IsNaN(worst); i++)
            {
                double difference = Math.Abs(ours[i] - BitConverter.ToSingle(bytes, i * sizeof(float)));
                worst = difference <= worst ? worst : difference; // NaN stays
            }
            bool equal = worst <= LogitBound;
            Console.WriteLine($"logits beside PyTorch's, {ours.Length} values, same file of weights: "
                + $"{worst:0.0e+0} apart, {LogitBound:0e+0} allowed"
                + (equal ? "" : ": FAILED, nothing is timed"));
            return equal;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static void Forward(Bench bench, LanguageModel model, int B, int T)
    {
        (string Work, SiteKind? Kind, LogitsAt Logits)[] taps =
        [
            ("forward", null, LogitsAt.All),
            ("forward, no logits", null, LogitsAt.None),
            ("forward hook_z", SiteKind.Z, LogitsAt.None),
            ("forward hook_result", SiteKind.Result, LogitsAt.None),
        ];
        SequenceBatch batch = Batch(model.Config, B, T, out _);
        foreach ((string work, SiteKind? kind, LogitsAt logits) in taps.Where(t => bench.Wanted(t.Work)))
        {
            using var session = new ModelSession(model, new SessionOptions
            {
                MaxRows = B, MaxTokens = T, Logits = logits,
                Record = [.. Site.All(model.Config).Where(s => s.Kind == kind)],
            });
            foreach (string precision in s_precisions)
                foreach (string mode in Modes(bench, kind is null && precision != "tf32"))
                    bench.BesideTorch(work, $"B={B} T={T}", () => session.Forward(batch),
                        $"PyTorch {precision} {mode}", work, How(B, T, precision, mode));
        }
    }

    static void Backward(Bench bench, LanguageModel model, int B, int T, bool compiled)
    {
        string shape = $"B={B} T={T}";
        if (bench.Wanted("forward + backward"))
        {
            SequenceBatch batch = Batch(model.Config, B, T, out _);
            using var session = new ModelSession(
                model, new SessionOptions { MaxRows = B, MaxTokens = T, Backward = true });
            using var gradients = ParameterGradients.Create(model);
            int[] targets = batch.NextTokens();
            void Ours()
            {
                gradients.Clear(model.Ops);
                session.ForwardBackward(batch, targets, gradients, 1f / (B * (T - 1)));
            }
            foreach (string precision in s_precisions)
                foreach (string mode in Modes(bench, compiled && precision != "tf32"))
                    bench.BesideTorch("forward + backward", shape, Ours, $"PyTorch {precision} {mode}",
                        "backward", How(B, T, precision, mode));
        }
        if (bench.Wanted("training step"))
            Step(bench, model, B, T, compiled);
    }

    static void Step(Bench bench, LanguageModel model, int B, int T, bool compiled)
    {
        // Its own copy of the weights: training must not move what the other benches run on.
        using var trained = new LanguageModel(bench.Device, model.Config);
        trained.Initialize(1);
        var random = new SeededRandom(4);
        int V = model.Config.VocabSize;
        TokenDataset data = TokenDataset.FromTokens(
            [[.. Enumerable.Range(0, 64 * T).Select(_ => random.Next(V - 1))]], V - 1);
        using var trainer = new Trainer(trained, new TrainingConfig
        {
            Model = new TrainingModel { Sizes = model.Config },
            Data = new TrainingData { Files = ["random"] },
            Tokenizer = new TrainingTokenizer { VocabSize = 300 },
            TokensPerRow = T,
            BatchRows = B,
            Steps = 1_000_000,
            Optimizer = new AdamWOptions { LearningRate = 1e-4f },
        }, data);
        foreach (string precision in s_precisions)
            foreach (string mode in Modes(bench, compiled && precision != "tf32"))
                bench.BesideTorch("training step", $"B={B} T={T}", () => trainer.Next(),
                    $"PyTorch {precision} {mode}", "step", How(B, T, precision, mode), "AdamW, clipped");
    }

    static void Decode(Bench bench, LanguageModel model, int prompt, int added)
    {
        SequenceBatch batch = Batch(model.Config, 1, prompt, out _);
        var generator = new Generator(model);
        var options = new GenerationOptions { MaxNewTokens = added };
        foreach (string precision in s_precisions)
        {
            JsonObject how = How(1, prompt, precision, "eager");
            how["added"] = added;
            bench.BesideTorch("decode", $"{prompt} + {added} tokens",
                () => generator.Generate(batch, options),
                $"PyTorch {precision} eager", "decode", how, "prompt and all new tokens");
        }
    }

    static string[] Modes(Bench bench, bool compiled)
        => compiled && bench.Options.Compile ? ["eager", "compiled"] : ["eager"];

    static JsonObject How(int B, int T, string precision, string mode)
        => new() { ["b"] = B, ["t"] = T, ["precision"] = precision, ["mode"] = mode };

    static SequenceBatch Batch(ModelConfig config, int B, int T, out JsonArray ids)
    {
        var random = new SeededRandom(2);
        int[] tokens = [.. Enumerable.Range(0, B * T).Select(_ => random.Next(config.VocabSize))];
        ids = new JsonArray(
            [.. tokens.Chunk(T).Select(row => new JsonArray([.. row.Select(t => (JsonNode)t)]))]);
        return new SequenceBatch(tokens, [.. Enumerable.Repeat(T, B)], T);
    }
}
