using System.Text;
using System.Text.Json;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>
/// The model in <c>weights/tiny</c> and what the float64 oracle says about it. The files are made by
/// <see cref="Write"/>; weights/README.md has the command.
/// </summary>
sealed record TinyGolden(
    int[] Tokens, int[] Targets, double Loss, double[] TrainingLosses,
    Dictionary<string, double> GradientNorms, double[][] Logits)
{
    /// <summary>Options of the ten recorded AdamW steps.</summary>
    public const double LearningRate = 1e-3, Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    /// <summary><c>weights/tiny</c> of this repository.</summary>
    public static string Folder
    {
        get
        {
            string? folder = TestContext.CurrentContext.TestDirectory;
            while (folder is not null && !File.Exists(Path.Combine(folder, "HeadTap.slnx")))
                folder = Path.GetDirectoryName(folder);
            Assert.That(folder, Is.Not.Null, "HeadTap.slnx is in no folder above the tests.");
            return Path.Combine(folder!, "weights", "tiny");
        }
    }

    /// <summary>What was recorded.</summary>
    public static TinyGolden Read(string folder) => JsonSerializer.Deserialize<TinyGolden>(
        File.ReadAllText(Path.Combine(folder, "golden.json")), JsonSerializerOptions.Web)!;

    /// <summary>Computes the values of the model in a folder.</summary>
    public static TinyGolden Compute(string folder)
    {
        ModelConfig config = ModelFolder.ReadConfig(folder);
        Gpt2Sizes sizes = ReferenceSizes.Of(config);
        var parameters = new Dictionary<string, float[]>();
        ModelFolder.ReadParameters(folder, config, slice => parameters[slice.Name] = new float[slice.Length]);

        // As long as the context; ends of the vocabulary and a repeated token are in it.
        int[] tokens = [3, 41, 0, 17, 60, 17, 3, 5, 29, 52, 8, 41, 11, 33, 47, 2];
        int[] targets = Gpt2Reference.NextTokens(tokens);
        Dictionary<string, double[]> wide = Gpt2Reference.Convert<double>(parameters);
        ParameterGradients<double> gradients = Gpt2Reference.Backward(sizes, wide, tokens, targets);
        double[] logits = Gpt2Reference.Forward(sizes, wide, tokens)["logits"];
        Dictionary<string, double> norms =
            gradients.Parameters.ToDictionary(p => p.Key, p => Math.Sqrt(p.Value.Sum(g => g * g)));
        double[] losses = Train(sizes, wide, tokens, targets); // last: it changes the weights
        return new TinyGolden(
            tokens, targets, gradients.Loss, losses, norms, [.. logits.Chunk(sizes.Vocabulary)]);
    }

    // The loss before each of ten AdamW steps; every parameter, no decay, no clipping.
    static double[] Train(
        Gpt2Sizes sizes, Dictionary<string, double[]> parameters, int[] tokens, int[] targets)
    {
        Dictionary<string, (double[] M, double[] V)> moments = parameters.ToDictionary(
            p => p.Key, p => (new double[p.Value.Length], new double[p.Value.Length]));
        double[] losses = new double[10];
        for (int step = 1; step <= losses.Length; step++)
        {
            ParameterGradients<double> gradients = Gpt2Reference.Backward(sizes, parameters, tokens, targets);
            losses[step - 1] = gradients.Loss;
            foreach ((string name, (double[] m, double[] v)) in moments)
                AdamWReference.Step(gradients.Parameters[name], parameters[name], m, v,
                    LearningRate, Beta1, Beta2, Epsilon, weightDecay: 0, step, gradientScale: 1);
        }
        return losses;
    }

    /// <summary>Writes config.json, model.safetensors and golden.json.</summary>
    public static void Write(string folder)
    {
        ModelConfig config = ModelConfig.Tiny;
        Dictionary<string, float[]> parameters =
            Gpt2Reference.RandomParameters(ReferenceSizes.Of(config), seed: 2019, scale: 15);
        ModelFolder.Write(folder, config, ReferenceSizes.Flat(config, parameters));
        File.WriteAllText(Path.Combine(folder, "golden.json"), Compute(folder).ToJson());
    }

    string ToJson()
    {
        static string Row(double[] values) => $"[{string.Join(", ", values.Select(v => $"{v:R}"))}]";
        var json = new StringBuilder("{\n");
        json.Append($"  \"tokens\": [{string.Join(", ", Tokens)}],\n");
        json.Append($"  \"targets\": [{string.Join(", ", Targets)}],\n");
        json.Append($"  \"loss\": {Loss:R},\n  \"trainingLosses\": {Row(TrainingLosses)},\n");
        json.Append("  \"gradientNorms\": {\n");
        json.AppendJoin(",\n", GradientNorms.Select(p => $"    \"{p.Key}\": {p.Value:R}"));
        json.Append("\n  },\n  \"logits\": [\n    ");
        json.AppendJoin(",\n    ", Logits.Select(Row));
        return json.Append("\n  ]\n}\n").ToString();
    }
}
