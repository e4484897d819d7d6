using HeadTap.Kernels.Tests;
using HeadTap.Models;

namespace HeadTap.Unlearn.Tests;

public sealed class SpectralNormTests
{
    [Test]
    public void Heads_have_matrices_of_their_own_and_embeddings_and_norms_none()
    {
        using var small = new SmallTask();
        using var penalty = new SpectralNorm(small.Model, 0.01f, 1);
        foreach (IGrouping<string, MatrixPart> of in penalty.Matrices.GroupBy(p => p.Parameter))
        {
            (int count, int rows, int columns) = of.Key.Split('.', 3)[2] switch
            {
                "attn.c_attn.weight" => (12, 20, 5),
                "attn.c_proj.weight" => (4, 5, 20),
                "mlp.c_fc.weight" => (1, 20, 28),
                _ => (1, 28, 20),
            };
            Assert.That(of.Count(), Is.EqualTo(count), of.Key);
            Assert.That(of.All(p => p.Rows == rows && p.Columns == columns), Is.True, of.Key);
            Assert.That(of.SelectMany(p => from r in Enumerable.Range(p.FirstRow, p.Rows)
                                           from c in Enumerable.Range(p.FirstColumn, p.Columns)
                                           select r * p.Stride + c).Order(),
                Is.EqualTo(Enumerable.Range(0, (int)small.Model.Parameters[of.Key].Length)), of.Key);
        }
        Assert.That(penalty.Matrices.Select(p => p.Parameter).Distinct().Count(), Is.EqualTo(8));
    }

    [Test]
    public void Power_iteration_finds_sigma_and_its_gradient_is_that_of_differences()
    {
        var part = new MatrixPart("w", 7, 1, 2, 3, 4);
        float[] w = Numbers.Normal(1, 5 * 7), v = Numbers.Normal(2, 4), dW = new float[w.Length];
        double sigma = 0;
        for (int step = 0; step < 300; step++)
            sigma = part.AddSigma(w, v, new float[w.Length], 1);
        part.AddSigma(w, v, dW, 1);
        for (int i = 0; i < w.Length; i++)
        {
            float at = w[i];
            w[i] = at + 1e-2f;
            double up = Sigma(w);
            w[i] = at - 1e-2f;
            double down = Sigma(w);
            w[i] = at;
            Assert.That(dW[i], Is.EqualTo((up - down) / 2e-2).Within(1e-3), $"{i}");
        }
        Assert.That(sigma, Is.EqualTo(Sigma(w)).Within(1e-6));

        double Sigma(float[] matrix)
        {
            float[] vector = [.. v];
            double last = 0;
            for (int step = 0; step < 300; step++)
                last = part.AddSigma(matrix, vector, new float[matrix.Length], 1);
            return last;
        }
    }

    [Test]
    public void A_step_adds_the_penalty_and_lambda_0_none()
    {
        using var small = new SmallTask();
        double plain = small.Loss(small.Task.Keep);
        Assert.That(Learn(0), Is.EqualTo(plain).Within(1e-6));
        Assert.That(Learn(0.01f), Is.GreaterThan(plain + 1e-3));

        double Learn(float lambda)
        {
            WeightSnapshot before = WeightSnapshot.Of(small.Model);
            using var penalty = new SpectralNorm(small.Model, lambda, 1);
            double loss = Regularised.Step(small, penalty);
            before.Restore(small.Model);
            return loss;
        }
    }

    [Test]
    public void A_matrix_of_zeros_has_no_direction()
    {
        var part = new MatrixPart("w", 3, 0, 0, 2, 3);
        float[] v = [1, 2, 3], dW = new float[6];
        Assert.That(part.AddSigma(new float[6], v, dW, 1), Is.Zero);
        Assert.That(dW, Is.All.Zero);
        Assert.That(v, Is.EqualTo((float[])[1, 2, 3]));
    }
}
