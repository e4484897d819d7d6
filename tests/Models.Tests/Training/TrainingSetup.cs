using HeadTap.Kernels.Tests;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>
/// A small model, its data and a config; and the textbook's training loop over the same rows.
/// </summary>
static class TrainingSetup
{
    public static readonly TrainingConfig Config = new()
    {
        Model = new TrainingModel { Sizes = TestModel.Small },
        Data = new TrainingData { Files = ["unused"] },
        Tokenizer = new TrainingTokenizer { VocabSize = 300 },
        TokensPerRow = 11,
        BatchRows = 3,
        Steps = 8,
        // A large epsilon: keys' biases have no gradient but rounding errors, which Adam would blow up to
        // full steps.
        Optimizer = new AdamWOptions { LearningRate = 1e-2f, Epsilon = 1e-3f },
        Schedule = new LearningRateSchedule { WarmupSteps = 2 },
        Clip = 0.5f,
        Seed = 5,
    };

    /// <summary>Documents of 1 to 20 tokens that count up from somewhere, which can be learnt.</summary>
    public static TokenDataset Data(int seed = 3, int documents = 40) => TokenDataset.FromTokens(
        Numbers.Integers(seed, documents, 20).Zip(Numbers.Integers(seed + 1, documents, 36),
            (length, start) => Enumerable.Range(start, length + 1).Select(token => token % 36).ToArray()),
                36);

    /// <summary>Trains a fresh model to the end.</summary>
    public static (double[] Losses, Dictionary<string, float[]> Weights) Train(
        string device, TrainingConfig config, TokenDataset data)
    {
        using var test = new TestModel(device);
        using var trainer = new Trainer(test.Model, config, data);
        double[] losses = [.. Enumerable.Range(0, trainer.Steps).Select(_ => trainer.Next().Loss)];
        return (losses, Weights(test.Model));
    }

    public static Dictionary<string, float[]> Weights(LanguageModel model) =>
        model.Parameters.Slices.ToDictionary(s => s.Name, s => model.Set[s.Name].ToArray());

    /// <summary>The same run by the textbook: one row at a time, all rows of a step in one sum.</summary>
    public static (T[] Losses, Dictionary<string, T[]> Weights) Reference<T>(
        TrainingConfig config, TokenDataset data)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        Gpt2Sizes sizes = ReferenceSizes.Of(TestModel.Small);
        Dictionary<string, T[]> w = Gpt2Reference.Convert<T>(Gpt2Reference.RandomParameters(sizes, 7, 4));
        Dictionary<string, T[]> m = Zeros(w), v = Zeros(w);
        var batches = new TokenBatches(data, new TokenBatchOptions(
            config.BatchRows * config.Accumulation, config.TokensPerRow, config.Rows, Bos: true),
                config.Seed);
        var losses = new T[config.Steps!.Value];
        for (int step = 1; step <= losses.Length; step++)
        {
            (T loss, Dictionary<string, T[]> g) = Gradients(sizes, w, batches.Next());
            losses[step - 1] = loss;
            T norm = T.Sqrt(g.Values.SelectMany(x => x).Aggregate(T.Zero, (sum, x) => sum + x * x));
            double clip = Math.Min(1, config.Clip / (double.CreateChecked(norm) + 1e-6));
            Update(config, sizes, w, g, m, v, step, clip);
        }
        return (losses, w);
    }

    static (T Loss, Dictionary<string, T[]> Gradients) Gradients<T>(
        Gpt2Sizes sizes, Dictionary<string, T[]> w, TokenBatch batch)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int counted = batch.Targets.Count(t => t >= 0);
        Dictionary<string, T[]> sum = Zeros(w);
        T loss = T.Zero;
        for (int b = 0; b < batch.B; b++)
        {
            int[] tokens = batch.Tokens.AsSpan(b * batch.T, batch.Lengths[b]).ToArray();
            int[] targets = batch.Targets.AsSpan(b * batch.T, batch.Lengths[b]).ToArray();
            ParameterGradients<T> row = Gpt2Reference.Backward(sizes, w, tokens, targets, counted: counted);
            loss += row.Loss;
            foreach ((string name, T[] gradient) in row.Parameters)
                for (int i = 0; i < gradient.Length; i++)
                    sum[name][i] += gradient[i];
        }
        return (loss, sum);
    }

    static void Update<T>(TrainingConfig config, Gpt2Sizes sizes, Dictionary<string, T[]> w,
        Dictionary<string, T[]> g,
        Dictionary<string, T[]> m, Dictionary<string, T[]> v, int step, double clip)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        // The paper's schedule: up a line, then down half a cosine to a tenth.
        (double high, int warm, int steps) =
            (config.Optimizer.LearningRate, config.Schedule.WarmupSteps, config.Steps!.Value);
        double along = (step - 1.0 - warm) / (steps - 1 - warm);
        double rate = step <= warm ? high * step / (warm + 1)
            : high * (0.1 + 0.45 * (1 + Math.Cos(Math.PI * along)));
        foreach ((string name, int[] shape) in sizes.Parameters())
        {
            double decay = shape.Length == 2 ? config.Optimizer.WeightDecay : 0;
            if (config.Optimizer is AdamWOptions a)
                AdamWReference.Step(g[name], w[name], m[name], v[name], rate, a.Beta1, a.Beta2,
                    a.Epsilon, decay, step, clip);
            else if (config.Optimizer is SgdOptions s)
                SgdReference.Step(g[name], w[name], m[name], rate, s.Momentum, s.Dampening, decay,
                    s.Nesterov, step == 1, clip);
        }
    }

    static Dictionary<string, T[]> Zeros<T>(Dictionary<string, T[]> like)
        => like.ToDictionary(p => p.Key, p => new T[p.Value.Length]);
}
