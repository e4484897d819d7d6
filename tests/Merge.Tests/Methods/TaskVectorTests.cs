using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

/// <summary>Methods that add task vectors to a base.</summary>
public class TaskVectorTests
{
    static readonly double[] s_weights = [0.5, 1.5, -0.25];

    static TaskVectors[] All => [new TaskArithmetic(), new Ties(), new DareLinear(), new DareTies(),
        new Breadcrumbs(), new BreadcrumbsTies(), new Della(), new DellaLinear()];

    static bool IsRandom(MergeMethod method) => method.Name[..4] is "dare" or "dell";

    static double[][] Vectors(float[][] models, float[] start)
        => [.. models.Select(m => MergeReference.TaskVector(Tensors.Wide(m), Tensors.Wide(start)))];

    static TensorSettings Settings(double density, double lambda = 0.7, ulong seed = 3)
    {
        TensorSettings settings = new TensorSettings { Seed = seed }.With(TaskVectors.Lambda, lambda);
        for (int m = 0; m < s_weights.Length; m++)
            settings.With(MergeParameter.Weight, m, s_weights[m]);
        return settings.With(new Ties().Parameters.Single(p => p.Name == "density"), density);
    }

    [TestCase(1.0), TestCase(0.2), TestCase(0.37), TestCase(0.0)]
    public void Ties_trims_elects_and_averages(double density)
    {
        HeldTensor tensor = Tensors.Around(3, 7, 301, out float[] start, out float[][] models);
        double[][] trimmed = [.. Vectors(models, start).Select(
            v => MergeReference.Ranks(v, 0, (int)(density * tensor.Length)))];
        Tensors.AssertRounded(new Ties().Merged(tensor, Settings(density)), MergeReference.AddTaskVectors(
            Tensors.Wide(start), trimmed, s_weights, 0.7, normalize: true, elect: true));
    }

    [TestCase(false), TestCase(true)]
    public void Breadcrumbs_drop_the_largest_and_the_smallest(bool ties)
    {
        HeldTensor tensor = Tensors.Around(3, 7, 301, out float[] start, out float[][] models);
        int n = 7 * 301, kept = (int)(0.6 * n), dropped = (int)(0.05 * n);
        double[][] middle = [.. Vectors(models, start).Select(
            v => MergeReference.Ranks(v, dropped, kept))];
        MergeMethod method = ties ? new BreadcrumbsTies() : new Breadcrumbs();
        Tensors.AssertRounded(
            method.Merged(tensor, Settings(0.6).With(method.Parameters.Single(p => p.Name == "gamma"), 0.05)),
            MergeReference.AddTaskVectors(
                Tensors.Wide(start), middle, s_weights, 0.7, normalize: false, ties));
    }

    [Test]
    public void Task_arithmetic_adds_the_vectors()
    {
        HeldTensor tensor = Tensors.Around(3, 3, 501, out float[] start, out float[][] models);
        double[][] vectors = Vectors(models, start);
        Tensors.AssertRounded(new TaskArithmetic().Merged(tensor, Settings(1)), MergeReference.AddTaskVectors(
            Tensors.Wide(start), vectors, s_weights, 0.7, normalize: false, elect: false));
    }

    [Test]
    public void Dare_keeps_the_share_and_rescales_it()
    {
        const int n = 100_000;
        float[] start = new float[n], model = [.. Enumerable.Repeat(1f, n)];
        var tensor = new HeldTensor("w", [n], [model], start);
        float[] merged = new DareLinear().Merged(tensor, new TensorSettings { Seed = 5 }.With(
            new DareLinear().Parameters.Single(p => p.Name == "density"), 0.3));
        int kept = merged.Count(v => v != 0);
        Assert.That(merged.Where(v => v != 0), Is.All.EqualTo((float)(1 / 0.3)));
        // Five standard deviations of a binomial.
        Assert.That(Math.Abs(kept - 0.3 * n), Is.LessThan(5 * Math.Sqrt(n * 0.3 * 0.7)));
    }

    [Test]
    public void Dare_masks_differ_by_model_tensor_and_seed_alone()
    {
        const int n = 4000;
        float[] start = new float[n], ones = [.. start.Select(_ => 1f)], twos = [.. start.Select(_ => 2f)];
        float[] Of(string name, ulong seed, params float[][] models)
        {
            TensorSettings settings = new() { Seed = seed };
            settings.With(new DareLinear().Parameters.Single(p => p.Name == "density"), 0.5);
            return new DareLinear().Merged(new HeldTensor(name, [n], models, start), settings, piece: 333);
        }
        float[] one = Of("w", 1, ones);
        Assert.That(Of("w", 1, ones), Is.EqualTo(one));
        Assert.That(Of("v", 1, ones).Zip(one).Count(p => p.First != p.Second), Is.InRange(n / 3, 2 * n / 3));
        Assert.That(Of("w", 2, ones).Zip(one).Count(p => p.First != p.Second), Is.InRange(n / 3, 2 * n / 3));
        // Values 2, 4 and 6: each of two models is kept or dropped on its own.
        Assert.That(Of("w", 1, ones, twos).Distinct().Order(), Is.EqualTo((float[])[0, 2, 4, 6]));
    }

    [TestCaseSource(nameof(All))]
    public void Pieces_do_not_matter(TaskVectors method)
    {
        HeldTensor tensor = Tensors.Around(3, 5, 211, out _, out _);
        float[] whole = method.Merged(tensor, Settings(0.4), piece: 5 * 211);
        Assert.That(method.Merged(tensor, Settings(0.4), piece: 97), Is.EqualTo(whole));
        Assert.That(method.Merged(tensor, Settings(0.4, seed: 4), piece: 97),
            IsRandom(method) ? Is.Not.EqualTo(whole) : Is.EqualTo(whole));
    }

    [TestCaseSource(nameof(All))]
    public void The_base_alone_and_lambda_0_give_the_base_to_the_bit(TaskVectors method)
    {
        float[] start = [-0f, 1, 2.5f, 1e-40f];
        var tensor = new HeldTensor("w", [4], [start, start], start);
        int[] bits = [.. start.Select(BitConverter.SingleToInt32Bits)];
        Assert.That(method.Merged(tensor).Select(BitConverter.SingleToInt32Bits), Is.EqualTo(bits));
        var moved = new HeldTensor("w", [4], [[1, 1, 1, 1]], start);
        Assert.That(
            method.Merged(moved, new TensorSettings().With(TaskVectors.Lambda, 0)), Is.EqualTo(start));
    }

    static IEnumerable<TaskVectors> WithoutMasks => All.Where(m => !IsRandom(m));

    // A random mask belongs to a model's place.
    [TestCaseSource(nameof(WithoutMasks))]
    public void The_order_of_models_does_not_matter_without_a_random_mask(TaskVectors method)
    {
        HeldTensor tensor = Tensors.Around(2, 5, 211, out float[] start, out float[][] models);
        TensorSettings settings = new TensorSettings().With(
            new Ties().Parameters.Single(p => p.Name == "density"), 0.4);
        var turned = new HeldTensor(tensor.Name, tensor.Shape, [models[1], models[0]], start);
        Assert.That(method.Merged(turned, settings), Is.EqualTo(method.Merged(tensor, settings)));
    }

    [Test]
    public void Model_stock_goes_by_the_angle()
    {
        HeldTensor tensor = Tensors.Around(3, 5, 211, out float[] start, out float[][] models);
        double[][] vectors = Vectors(models, start);
        double Cosine(double[] a, double[] b)
            => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x));
        double cosine = (Cosine(vectors[0], vectors[1]) + Cosine(vectors[0], vectors[2])
            + Cosine(vectors[1], vectors[2])) / 3, ratio = 3 * cosine / (1 + 2 * cosine);
        Tensors.AssertRounded(new ModelStock().Merged(tensor), MergeReference.AddTaskVectors(
            Tensors.Wide(start), vectors, [ratio / 3, ratio / 3, ratio / 3], 1, normalize: false,
            elect: false));
    }

    [Test]
    public void Model_stock_of_equal_models_is_the_model()
    {
        float[] start = Tensors.Normal(1, 50), model = Tensors.Normal(2, 50);
        Assert.That(new ModelStock().Merged(new HeldTensor("w", [50], [model, model], start)),
            Is.EqualTo(model).Within(1e-6));
    }

    [Test]
    public void Nearswap_takes_near_numbers_and_moves_far_ones()
    {
        var tensor = new HeldTensor("w", [5], [[1.005f, 3, -1, 1, 7]], [1, 1, 1, 1, 7]);
        float[] merged = new NearSwap().Merged(tensor, new TensorSettings().With(NearSwap.T, 0.01));
        Assert.That(merged, Is.EqualTo((float[])[1.005f, 1.01f, 0.99f, 1, 7]).Within(1e-7));
        Assert.That(merged[0], Is.EqualTo(1.005f));
    }
}
