using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

/// <summary>iso_c and tsv against a Jacobi iteration in float64.</summary>
public class SingularValueTests
{
    static double[][] Vectors(float[][] models, float[] start)
        => [.. models.Select(m => MergeReference.TaskVector(Tensors.Wide(m), Tensors.Wide(start)))];

    static void AssertNear(float[] found, double[] expected)
    {
        for (int i = 0; i < found.Length; i++)
            Assert.That(found[i], Is.EqualTo(expected[i]).Within(4e-7 * Math.Max(1, Math.Abs(expected[i]))),
                $"at {i}");
    }

    [TestCase(12, 12, 2), TestCase(9, 23, 3), TestCase(23, 9, 2)]
    public void Iso_c_makes_singular_values_equal(int rows, int columns, int models)
    {
        HeldTensor tensor = Tensors.Around(models, rows, columns, out float[] start, out float[][] all);
        TensorSettings settings = new TensorSettings().With(TaskVectors.Lambda, 0.7);
        AssertNear(new IsoC().Merged(tensor, settings, piece: 17),
            MergeReference.IsoC(Tensors.Wide(start), Vectors(all, start), rows, columns, 0.7));
    }

    [TestCase(12, 12, 2), TestCase(9, 23, 3), TestCase(23, 9, 2)]
    public void Tsv_keeps_leading_vectors_and_makes_them_orthogonal(int rows, int columns, int models)
    {
        HeldTensor tensor = Tensors.Around(models, rows, columns, out float[] start, out float[][] all);
        TensorSettings settings = new TensorSettings().With(TaskVectors.Lambda, 0.7);
        AssertNear(new Tsv().Merged(tensor, settings, piece: 17),
            MergeReference.Tsv(Tensors.Wide(start), Vectors(all, start), rows, columns, 0.7));
    }

    static MergeMethod[] All => [new IsoC(), new Tsv()];

    [TestCaseSource(nameof(All))]
    public void Vectors_are_averaged_and_an_unchanged_model_is_the_base(MergeMethod method)
    {
        HeldTensor near = Tensors.Around(2, 1, 301, out float[] start, out float[][] models);
        var vector = new HeldTensor("b", [301], models, start);
        Tensors.AssertRounded(method.Merged(vector), MergeReference.AddTaskVectors(
            Tensors.Wide(start), Vectors(models, start), [0.5, 0.5], 1, normalize: false, elect: false));
        var unchanged = new HeldTensor("w", [7, 43], [start, start], start);
        Assert.That(method.Merged(unchanged), Is.EqualTo(start));
        Assert.That(near.IsLayerMatrix, Is.True);
    }

    [TestCaseSource(nameof(All))]
    public void The_order_of_models_does_not_matter(MergeMethod method)
    {
        HeldTensor tensor = Tensors.Around(2, 9, 14, out float[] start, out float[][] models);
        var turned = new HeldTensor(tensor.Name, tensor.Shape, [models[1], models[0]], start);
        Assert.That(method.Merged(turned), Is.EqualTo(method.Merged(tensor)).Within(4e-7));
    }

    // One model: all singular vectors are kept and orthogonal already.
    [Test]
    public void Tsv_of_one_model_is_the_model()
    {
        HeldTensor tensor = Tensors.Around(1, 9, 14, out _, out float[][] models);
        Assert.That(new Tsv().Merged(tensor), Is.EqualTo(models[0]).Within(4e-7));
    }
}
