using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// AdaMerging: learns a factor for each task vector, or for each of its tensors, so that the merge is least
/// uncertain of the next token (Yang et al. 2023, arXiv 2310.02575, equations 6 and 7). Texts are used
/// without their next tokens.
/// </summary>
/// <remarks>The base, the task vectors and the merge are held.</remarks>
public sealed class AdaMerging : MeasuredMethod
{
    // Adam's, as published.
    const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    /// <inheritdoc/>
    public override string Name => "adamerging";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2310.02575";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + sum_i lambda_i t_i, lambda minimises the sum over models of the mean entropy of next "
        + "tokens on their texts; layer_wise: a lambda for each tensor";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters =>
        [LayerWise, Initial, Steps, LearningRate, BatchRows];

    /// <summary>Whether each tensor has factors of its own; true by default, the paper's better
    /// form.</summary>
    public static MergeParameter LayerWise { get; } =
        MergeParameter.Switch("layer_wise", true, "whether each tensor has a lambda of its own");

    /// <summary>Where every factor begins; 0.3 by default, as in the paper.</summary>
    public static MergeParameter Initial { get; } = new("init_values", 0.3, double.NegativeInfinity,
        double.PositiveInfinity, "lambda at the start");

    /// <summary>Steps of Adam; 500 by default, as in the paper.</summary>
    public static MergeParameter Steps { get; } =
        MergeParameter.Count("max_steps", 500, 0, "steps of Adam");

    /// <summary>Learning rate of Adam; 0.001 by default, as in the paper.</summary>
    public static MergeParameter LearningRate { get; } =
        new("lr", 1e-3, 0, double.PositiveInfinity, "learning rate of Adam");

    /// <summary>Rows of each model in a step; 16 by default, as in the paper.</summary>
    public static MergeParameter BatchRows { get; } =
        MergeParameter.Count("batch_size", 16, 1, "rows of each model in a step, in turn");

    /// <inheritdoc/>
    /// <exception cref="UserException">A model cannot be read or run.</exception>
    public override MergeMethod Measured(MergeMeasurement measurement)
    {
        ArgumentNullException.ThrowIfNull(measurement);
        Dictionary<string, double[]> learnt = Learn(measurement);
        return With((tensor, _) => new TaskVectorSum(tensor, learnt[tensor.Name]));
    }

    /// <summary>The factors, by tensor and model.</summary>
    internal static Dictionary<string, double[]> Learn(MergeMeasurement measurement)
    {
        TensorSettings settings = measurement.Settings;
        int models = measurement.Rows.Count, steps = (int)settings.Of(Steps);
        int batch = (int)settings.Of(BatchRows);
        double rate = settings.Of(LearningRate), initial = settings.Of(Initial);
        using LanguageModel model = LanguageModel.Load(measurement.Device, measurement.Config.BaseModel!);
        WeightSnapshot start = WeightSnapshot.Of(model);
        Dictionary<string, float[]>[] vectors = [.. Enumerable.Range(0, models)
            .Select(m => Vectors(measurement, m, start))];
        string[] tensors = [.. model.Parameters.Slices.Select(s => s.Name)];
        int groups = settings.Is(LayerWise) ? tensors.Length : 1;
        double[,] lambda = new double[groups, models], first = new double[groups, models];
        double[,] second = new double[groups, models];
        for (int g = 0; g < groups; g++)
            for (int m = 0; m < models; m++)
                lambda[g, m] = initial;
        double[] Row(int tensor) => [.. Enumerable.Range(0, models)
            .Select(m => lambda[Math.Min(tensor, groups - 1), m])];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = batch, MaxTokens = measurement.Rows.Max(r => r.Max(row => row.Length)), Backward = true,
        });
        using ParameterGradients gradients = ParameterGradients.Create(model);
        for (int step = 0; step < steps; step++)
        {
            measurement.Report((double)step / steps);
            for (int t = 0; t < tensors.Length; t++)
                Set(model, tensors[t], start[tensors[t]], vectors, Row(t));
            gradients.Clear(model.Ops);
            foreach (IReadOnlyList<int[]> rows in measurement.Rows)
                session.ForwardBackward(Batch(rows, step, batch, out int[] lengths),
                    (logits, dLogits) => Entropy(logits, dLogits, lengths), gradients);
            double[,] slopes = new double[groups, models];
            for (int t = 0; t < tensors.Length; t++)
            {
                float[] gradient = gradients.Set[tensors[t]].ToArray();
                for (int m = 0; m < models; m++)
                    slopes[Math.Min(t, groups - 1), m] += Dot(gradient, vectors[m][tensors[t]]);
            }
            for (int g = 0; g < groups; g++)
                for (int m = 0; m < models; m++)
                {
                    double slope = slopes[g, m];
                    first[g, m] = Beta1 * first[g, m] + (1 - Beta1) * slope;
                    second[g, m] = Beta2 * second[g, m] + (1 - Beta2) * slope * slope;
                    double mean = first[g, m] / (1 - Math.Pow(Beta1, step + 1));
                    double square = second[g, m] / (1 - Math.Pow(Beta2, step + 1));
                    lambda[g, m] -= rate * mean / (Math.Sqrt(square) + Epsilon);
                }
        }
        return tensors.Index().ToDictionary(t => t.Item, t => Row(t.Index));
    }

    static Dictionary<string, float[]> Vectors(MergeMeasurement measurement, int m, WeightSnapshot start)
    {
        using var stored = new StoredParameters(measurement.Config.Models[m].Folder);
        return stored.Layout.Slices.ToDictionary(s => s.Name, s =>
        {
            float[] values = new float[s.Length];
            stored.Read(s, 0, values);
            for (int i = 0; i < values.Length; i++)
                values[i] -= start[s.Name][i];
            return values;
        });
    }

    static void Set(LanguageModel model, string tensor, float[] start,
        Dictionary<string, float[]>[] vectors, double[] factors)
    {
        float[] values = new float[start.Length];
        for (int i = 0; i < values.Length; i++)
        {
            double sum = start[i];
            for (int m = 0; m < factors.Length; m++)
                sum += factors[m] * vectors[m][tensor][i];
            values[i] = (float)sum;
        }
        model.Set[tensor].Upload(values);
    }

    // Rows in turn, from where the last step ended.
    static SequenceBatch Batch(IReadOnlyList<int[]> rows, int step, int count, out int[] lengths)
    {
        count = Math.Min(count, rows.Count);
        int[][] taken = [.. Enumerable.Range(0, count)
            .Select(r => rows[(int)(((long)step * count + r) % rows.Count)])];
        lengths = [.. taken.Select(r => r.Length)];
        return new SequenceBatch(taken);
    }

    // The mean entropy of rows that are no padding, H = -sum_v p_v ln p_v, and its gradient
    // dH/dz_v = -p_v (ln p_v + H).
    static double Entropy(Tensor logits, Tensor dLogits, int[] lengths)
    {
        int V = logits.Columns, T = logits.Rows / lengths.Length, counted = lengths.Sum();
        float[] values = logits.ToArray(), gradient = new float[values.Length];
        double[] entropies = new double[logits.Rows];
        Parts.Each(logits.Rows, row =>
        {
            if (row % T >= lengths[row / T])
                return;
            ReadOnlySpan<float> z = values.AsSpan((int)(row * V), V);
            double log = LogSumExp.Of(z), entropy = 0;
            foreach (float logit in z)
                entropy -= Math.Exp(logit - log) * (logit - log);
            for (int v = 0; v < V; v++)
                gradient[row * V + v] =
                    (float)(-Math.Exp(z[v] - log) * (z[v] - log + entropy) / counted);
            entropies[row] = entropy;
        });
        dLogits.Upload(gradient);
        return entropies.Sum() / counted;
    }

    static double Dot(float[] a, float[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }
}
