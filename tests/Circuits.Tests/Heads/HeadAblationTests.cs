using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class HeadAblationTests
{
    static IReadOnlyList<float[]> Means(TestModel test) => HeadSurvey.Run(
        test.Model, HeadTexts.Windows, new() { Pass = new(14) }).MeanZ;

    // Sum of a window's losses with one head's z replaced, by the textbook's decoder.
    static double Loss<TReal>(TestModel test, Dictionary<string, TReal[]> parameters, int[] tokens, int layer,
        int head, float[] mean) where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        Dictionary<string, TReal[]> sites = Gpt2Reference.Forward(test.Sizes, parameters, tokens,
            (name, values) =>
            {
                if (name == $"blocks.{layer}.attn.hook_z")
                    for (int t = 0; t < tokens.Length; t++)
                        for (int d = 0; d < 7; d++)
                            values[(t * 5 + head) * 7 + d] = TReal.CreateChecked(mean[head * 7 + d]);
                return values;
            });
        (TReal loss, _) = Gpt2Reference.CrossEntropy(sites["logits"], Gpt2Reference.NextTokens(tokens));
        return double.CreateChecked(loss) * (tokens.Length - 1);
    }

    [Test]
    public void Effects_are_those_of_the_textbook_decoder()
    {
        using TestModel test = HeadTexts.Model();
        IReadOnlyList<float[]> means = Means(test);
        using var ablation = new HeadAblation(test.Model, means, 14);
        IReadOnlyList<HeadEffect> found = ablation.Run(HeadTexts.Windows, 3);
        double[] Effects<TReal>(Dictionary<string, TReal[]> parameters)
            where TReal : System.Numerics.IFloatingPointIeee754<TReal>
        {
            double Sum(int l, int h) => HeadTexts.Windows.Sum(
                w => Loss(test, parameters, w, l, h, l < 0 ? [] : means[l]));
            double whole = Sum(-1, 0);
            return [.. Enumerable.Range(0, 15).Select(i => (Sum(i / 5, i % 5) - whole) / 29)];
        }
        double[] exact = Effects(test.Exact), plain = Effects(test.Plain);
        // At most twice the error of plain float32 loops, of the head where that is largest.
        double bound = 2 * exact.Zip(plain, (e, p) => Math.Abs(e - p)).Max();
        for (int i = 0; i < 15; i++)
        {
            Assert.That((found[i].Layer, found[i].Head), Is.EqualTo((i / 5, i % 5)));
            Assert.That(found[i].Effect, Is.EqualTo(exact[i]).Within(bound), $"head {i / 5}.{i % 5}");
            Assert.That(found[i].Effect,
                Is.InRange(found[i].Interval.Low, found[i].Interval.High));
        }
        Assert.That(exact.Max(Math.Abs), Is.GreaterThan(100 * bound), "no effect to see");
    }

    [Test]
    public void The_same_bits_for_any_number_of_rows_and_the_model_is_left_as_it_was()
    {
        using TestModel test = HeadTexts.Model();
        IReadOnlyList<float[]> means = Means(test);
        IReadOnlyList<HeadEffect> Run(int rows)
        {
            using var ablation = new HeadAblation(test.Model, means, 14, rows);
            return ablation.Run(HeadTexts.Windows, 3);
        }
        IReadOnlyList<HeadEffect> one = Run(1);
        foreach (int rows in (int[])[2, 3, 5, 0])
            Assert.That(Run(rows), Is.EqualTo(one), $"{rows} rows");
        Assert.That(test.Model.Edits, Is.Empty);
    }

    [Test]
    public void One_window_has_no_interval_and_none_is_refused()
    {
        using TestModel test = HeadTexts.Model();
        using var ablation = new HeadAblation(test.Model, Means(test), 14);
        Assert.That(ablation.Run([[1, 2, 3]], 0)[4].Interval.Low, Is.NaN);
        Assert.That(() => ablation.Run([], 0), Throws.TypeOf<UserException>());
    }
}
