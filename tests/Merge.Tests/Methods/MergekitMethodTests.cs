using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>nuslerp, multislerp, sce, arcee_fusion, ram and passthrough against whole tensors in
/// float64.</summary>
public class MergekitMethodTests
{
    static MergeParameter Named(MergeMethod method, string name)
        => method.Parameters.Single(p => p.Name == name);

    static TensorSettings Weights(params double[] weights)
    {
        var settings = new TensorSettings();
        for (int m = 0; m < weights.Length; m++)
            settings.With(MergeParameter.Weight, m, weights[m]);
        return settings;
    }

    static double[][] Vectors(float[][] models, float[] start)
        => [.. models.Select(m => MergeReference.TaskVector(Tensors.Wide(m), Tensors.Wide(start)))];

    [TestCase(0.7, 0.3), TestCase(3, 1), TestCase(-0.2, 1.2)]
    public void Nuslerp_goes_by_weights_whole_tensors_rows_and_columns(double first, double second)
    {
        const int rows = 5, columns = 301;
        float[] a = Tensors.Normal(1, rows * columns), b = Tensors.Normal(2, rows * columns, 3);
        var tensor = new HeldTensor("w", [rows, columns], [a, b]);
        double t = second / (first + second);
        Tensors.AssertRounded(new NuSlerp().Merged(tensor, Weights(first, second)),
            MergeReference.Slerp(Tensors.Wide(a), Tensors.Wide(b), t));
        double[] byRow = new double[a.Length], byColumn = new double[a.Length];
        void Turn(double[] into, int[] places)
        {
            double[] line = MergeReference.Slerp([.. places.Select(i => (double)a[i])],
                [.. places.Select(i => (double)b[i])], t);
            foreach ((int at, double value) in places.Zip(line))
                into[at] = value;
        }
        for (int r = 0; r < rows; r++)
            Turn(byRow, [.. Enumerable.Range(r * columns, columns)]);
        for (int c = 0; c < columns; c++)
            Turn(byColumn, [.. Enumerable.Range(0, rows).Select(r => r * columns + c)]);
        TensorSettings settings = Weights(first, second).With(NuSlerp.Flatten, 0);
        Tensors.AssertRounded(new NuSlerp().Merged(tensor, settings), byRow);
        Tensors.AssertRounded(
            new NuSlerp().Merged(tensor, settings.With(NuSlerp.RowWise, 1), piece: 97), byColumn);
    }

    [TestCase(true), TestCase(false)]
    public void Nuslerp_with_a_base_turns_task_vectors(bool flatten)
    {
        HeldTensor tensor = Tensors.Around(2, 1, 401, out float[] start, out float[][] models);
        double[][] vectors = Vectors(models, start);
        double[] turned = MergeReference.Slerp(vectors[0], vectors[1], 0.25);
        Tensors.AssertRounded(
            new NuSlerp().Merged(tensor, Weights(3, 1).With(NuSlerp.Flatten, flatten ? 1 : 0)),
            [.. start.Zip(turned, (s, v) => s + v)]);
    }

    [TestCase(true), TestCase(false)]
    public void Nuslerp_of_weights_1_and_0_is_the_first_model_to_the_bit(bool flatten)
    {
        float[][] models = [Tensors.Normal(1, 60), Tensors.Normal(2, 60)];
        var tensor = new HeldTensor("w", [3, 20], models);
        TensorSettings settings = Weights(1, 0).With(NuSlerp.Flatten, flatten ? 1 : 0);
        Assert.That(new NuSlerp().Merged(tensor, settings), Is.EqualTo(models[0]));
        // Parallel, zero, and weights that say nothing: a line, and its middle.
        var equal = new HeldTensor("w", [3, 20], [models[0], models[0]]);
        Assert.That(new NuSlerp().Merged(equal, Weights(0.3, 0.7)), Is.EqualTo(models[0]));
        var zero = new HeldTensor("w", [2], [[0f, 0f], [4f, 2f]]);
        Assert.That(new NuSlerp().Merged(zero, Weights(1, -1)), Is.EqualTo((float[])[2, 1]));
    }

    [TestCase(false, true), TestCase(true, true), TestCase(false, false)]
    public void Multislerp_is_the_published_walk_over_the_sphere(bool withBase, bool normalize)
    {
        HeldTensor near = Tensors.Around(3, 3, 211, out float[] start, out float[][] models);
        ParentTensor tensor = withBase ? near : new HeldTensor("w", [633], models);
        double[] weights = [0.5, 1.5, 0.25];
        double[] shares = normalize ? [.. weights.Select(w => w / 2.25)] : weights;
        double[] expected = MergeReference.MultiSlerp(
            withBase ? Vectors(models, start) : [.. models.Select(Tensors.Wide)], shares);
        float[] found = new MultiSlerp().Merged(tensor,
            Weights(weights).With(MultiSlerp.NormalizeWeights, normalize ? 1 : 0));
        for (int i = 0; i < found.Length; i++)
            Assert.That(found[i],
                Is.EqualTo(expected[i] + (withBase ? start[i] : 0)).Within(1e-6), $"at {i}");
    }

    [Test]
    public void Multislerp_of_opposite_models_is_linear_for_two_and_refused_for_more()
    {
        float[] a = [3, 4], opposite = [-3, -4], zero = [0, 0];
        Assert.That(new MultiSlerp().Merged(new HeldTensor("w", [2], [a, opposite])), Is.EqualTo(zero));
        Assert.That(new MultiSlerp().Merged(new HeldTensor("w", [2], [zero, zero, zero])), Is.EqualTo(zero));
        Assert.That(() => new MultiSlerp().Merged(
                new HeldTensor("w", [2], [a, opposite, a]), Weights(1, 2, 1)),
            Throws.TypeOf<UserException>().With.Message.StartsWith("w: the directions of the models cancel"));
        Assert.That(() => new MultiSlerp().Merged(new HeldTensor("w", [2], [a, a]), Weights(1, -1)),
            Throws.TypeOf<UserException>().With.Message.Contains("add up to 0"));
    }

    [TestCase(1.0), TestCase(0.3), TestCase(0.0)]
    public void Sce_selects_calculates_and_erases(double share)
    {
        HeldTensor tensor = Tensors.Around(3, 7, 301, out float[] start, out float[][] models);
        models[0].AsSpan(0, 500).CopyTo(models[1]); // places without variance are no candidates
        models[0].AsSpan(0, 500).CopyTo(models[2]);
        Tensors.AssertRounded(new Sce().Merged(tensor, new TensorSettings().With(Sce.SelectTopk, share)),
            MergeReference.Sce(Tensors.Wide(start), Vectors(models, start), share));
    }

    [Test]
    public void Sce_of_equal_models_is_the_model()
    {
        float[] start = new float[50], model = Tensors.Normal(2, 50);
        Assert.That(new Sce().Merged(new HeldTensor("w", [50], [model, model], start)), Is.EqualTo(model));
    }

    [TestCase(7, 301), TestCase(1, 97)]
    public void Arcee_fusion_takes_the_outliers(int rows, int columns)
    {
        HeldTensor tensor = Tensors.Around(1, rows, columns, out float[] start, out float[][] models);
        ParentTensor shaped = rows == 1 ? new HeldTensor("b", [columns], models, start) : tensor;
        double[] expected = MergeReference.ArceeFusion(
            Tensors.Wide(start), Tensors.Wide(models[0]), columns);
        float[] found = new ArceeFusion().Merged(shaped);
        Assert.That(Tensors.Wide(found), Is.EqualTo(expected));
        int taken = found.Zip(start).Count(p => p.First != p.Second);
        Assert.That(taken, Is.InRange(1, found.Length / 3));
    }

    [TestCase(0.0), TestCase(0.05), TestCase(100.0)]
    public void Ram_averages_what_moved(double epsilon)
    {
        HeldTensor tensor = Tensors.Around(3, 7, 301, out float[] start, out float[][] models);
        Tensors.AssertRounded(new Ram().Merged(tensor, new TensorSettings().With(Ram.Epsilon, epsilon)),
            MergeReference.Ram(Tensors.Wide(start), Vectors(models, start), epsilon));
    }

    [Test]
    public void Ram_takes_a_change_of_one_model_whole()
    {
        var tensor = new HeldTensor("w", [4], [[1f, 0, 9.9e-6f, 1.01e-5f], [0f, 2, 0, 0]], new float[4]);
        Assert.That(new Ram().Merged(tensor), Is.EqualTo((float[])[1, 2, 0, 1.01e-5f]));
    }

    [Test]
    public void Passthrough_is_the_model_or_a_multiple()
    {
        float[] model = [-0f, 1e-42f, 3, -7.1f];
        var tensor = new HeldTensor("w", [4], [model]);
        Assert.That(new Passthrough().Merged(tensor).Select(BitConverter.SingleToInt32Bits),
            Is.EqualTo(model.Select(BitConverter.SingleToInt32Bits)));
        Assert.That(new Passthrough().Merged(tensor, new TensorSettings().With(Passthrough.Scale, 0, -2)),
            Is.EqualTo(model.Select(v => -2 * v).ToArray()));
    }

    static MergeMethod[] Symmetric => [new MultiSlerp(), new Sce(), new Ram()];

    [TestCaseSource(nameof(Symmetric))]
    public void The_order_of_models_does_not_matter(MergeMethod method)
    {
        HeldTensor tensor = Tensors.Around(2, 5, 211, out float[] start, out float[][] models);
        var turned = new HeldTensor(tensor.Name, tensor.Shape, [models[1], models[0]], start);
        Assert.That(method.Merged(turned), Is.EqualTo(method.Merged(tensor)));
    }

    static MergeMethod[] All => [new NuSlerp(), new MultiSlerp(), new Sce(), new Ram(), new ArceeFusion()];

    [TestCaseSource(nameof(All))]
    public void Pieces_do_not_matter(MergeMethod method)
    {
        HeldTensor tensor = Tensors.Around(2, 5, 211, out _, out _);
        Assert.That(method.Merged(tensor, piece: 97), Is.EqualTo(method.Merged(tensor, piece: 5 * 211)));
    }

    [Test]
    public void Defaults_are_those_of_mergekit()
    {
        (MergeMethod Method, string Name, double Default)[] published =
        [
            (new NuSlerp(), "nuslerp_flatten", 1), (new NuSlerp(), "nuslerp_row_wise", 0),
            (new MultiSlerp(), "normalize_weights", 1), (new MultiSlerp(), "eps", 1e-8),
            (new Della(), "epsilon", 0.15), (new Della(), "normalize", 1), (new Della(), "rescale", 1),
            (new DellaLinear(), "normalize", 0), (new DellaLinear(), "lambda", 1),
            (new Sce(), "select_topk", 1), (new Ram(), "epsilon", 1e-5), (new Passthrough(), "scale", 1),
        ];
        foreach ((MergeMethod method, string name, double value) in published)
            Assert.That(Named(method, name).Default, Is.EqualTo(value), $"{method.Name} {name}");
    }
}
