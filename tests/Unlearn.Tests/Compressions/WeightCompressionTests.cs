using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class WeightCompressionTests
{
    static float[] Numbers(int count, ulong seed = 1)
    {
        float[] values = new float[count];
        new SeededRandom(seed).FillNormal(values, 1);
        return values;
    }

    [TestCase(8), TestCase(4)]
    public void A_group_of_an_output_has_its_own_scale_and_few_values(int bits)
    {
        const int Inputs = 70, Outputs = 3; // a whole group and one of 6
        float[] before = Numbers(Inputs * Outputs), after = [.. before];
        for (int i = 0; i < Inputs; i++)
            before[i * Outputs + 1] = after[i * Outputs + 1] *= 100; // one output is larger
        new RoundToNearest(bits).Compress(after, Outputs);
        int most = (1 << (bits - 1)) - 1;
        for (int o = 0; o < Outputs; o++)
            foreach ((int first, int end) in ((int, int)[])[(0, 64), (64, 70)])
            {
                int[] at = [.. Enumerable.Range(first, end - first).Select(i => i * Outputs + o)];
                double scale = at.Max(i => Math.Abs((double)before[i])) / most;
                foreach (int i in at)
                {
                    double q = after[i] / scale;
                    Assert.That(q, Is.EqualTo(Math.Round(q)).Within(1e-5), "a whole number of steps");
                    Assert.That(Math.Abs(q), Is.LessThanOrEqualTo(most + 1e-5));
                    Assert.That(Math.Abs(after[i] - (double)before[i]),
                        Is.LessThanOrEqualTo(scale / 2 * (1 + 1e-6)), "the nearest step");
                }
                Assert.That(at.Max(i => Math.Abs(after[i])), Is.EqualTo(at.Max(i => Math.Abs(before[i])))
                    .Within(1e-6).Percent, "the largest stays");
            }
    }

    [Test]
    public void Halves_go_to_the_even_step_and_a_group_of_zeros_stays()
    {
        float[] weights = [7, 0.5f, 1.5f, -2.5f, 0];
        new RoundToNearest(4).Compress(weights, 1);
        Assert.That(weights, Is.EqualTo((float[])[7, 0, 2, -2, 0]));
        float[] zeros = new float[5];
        new RoundToNearest(8).Compress(zeros, 1);
        Assert.That(zeros, Is.EqualTo(new float[5]));
    }

    [Test]
    public void The_smallest_share_is_pruned_and_a_tie_goes_to_the_lower_index()
    {
        float[] weights = [3, -1, 1, -0.5f, 2, 1, -4];
        new MagnitudePruning(0.45).Compress(weights, 7); // 3 of 7
        Assert.That(weights, Is.EqualTo((float[])[3, 0, 0, 0, 2, 1, -4]));
    }

    [Test]
    public void Only_the_matrices_of_the_blocks_change()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = 11, ContextLength = 4, Width = 6, Layers = 2, Heads = 2, Inner = 10,
        });
        foreach (ParameterSlice slice in model.Parameters.Slices)
            model.Set[slice.Name].Upload(Numbers(checked((int)slice.Length), (ulong)slice.Offset));
        WeightSnapshot before = WeightSnapshot.Of(model);
        new MagnitudePruning(0.5).Apply(model);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float[] now = model.Set[slice.Name].ToArray();
            bool matrix = slice.Name.Contains(".weight", StringComparison.Ordinal)
                && slice.Name.StartsWith("h.", StringComparison.Ordinal) && slice.Shape.Length == 2;
            Assert.That(now.Count(x => x == 0), Is.EqualTo(matrix ? now.Length / 2 : 0), slice.Name);
            Assert.That(now.Zip(before[slice.Name]).Where(p => p.First != 0).All(p => p.First == p.Second));
        }
    }

    [TestCase("quantise:int8", "quantise:int8"), TestCase("quantize:int4", "quantise:int4"),
        TestCase("prune:0.25", "prune:0.25"), TestCase("prune:0", "prune:0")]
    public void The_forms_that_users_write_are_read(string text, string name)
        => Assert.That(WeightCompression.Parse(text, "After").Name, Is.EqualTo(name));

    [TestCase("quantise:int2"), TestCase("prune:1"), TestCase("prune:-0.1"), TestCase("prune:NaN"),
        TestCase("prune"), TestCase(""), TestCase("quantise:int8:x")]
    public void Other_forms_are_refused(string text)
        => Assert.That(() => WeightCompression.Parse(text, "After"),
            Throws.TypeOf<UserException>().With.Message.Contains("expected quantise:int8"));
}
