using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class HopSearchTests
{
    const float Strength = 12f;

    // Same length, same last token: at the last position only attention can tell them apart.
    static readonly EncodedPair Pair = new(new PromptPair("", "", "b", "a"),
        [7, 8, 6, 5], [7, 21, 30, 5], [11, 3], 9, 0..0);

    [Test]
    public void The_planted_layer_and_head_are_found_and_the_difference_there_makes_the_prompts_alike()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        Silence(model, 0, [0, 1, 2, 3]);
        Silence(model, 1, [0, 1, 3]);
        FailingHop hop = new HopSearch(model, [Pair]).Find()[0];
        Assert.That((hop.Layer, hop.Head), Is.EqualTo((1, 2)));
        Assert.That(hop.Divergence, Is.GreaterThan(1e-5));
        Assert.That(hop.ByLayer[1], Is.LessThan(1e-6 * hop.Divergence));
        Assert.That(hop.ByHead[2], Is.LessThan(1e-6 * hop.Divergence));
        Assert.That(hop.ByLayer[0], Is.EqualTo(hop.Divergence), "layer 0 has nothing to exchange");
        Assert.That(hop.ByHead[0], Is.EqualTo(hop.Divergence));
    }

    [Test]
    public void The_divergence_is_that_of_the_textbook_in_float64()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(8);
        IReadOnlyList<FailingHop> found = new HopSearch(model, pairs).Find();
        Agreement.PassAtMostTwiceFloat32(pairs.Select((pair, i) => ($"pair {i}", (double[])[Divergence(
                ReferenceRun.Sites<double>(model, pair.Explicit)["logits"],
                ReferenceRun.Sites<double>(model, pair.Obscure)["logits"])],
            (float[])[(float)Divergence(
                Array.ConvertAll(ReferenceRun.Sites<float>(model, pair.Explicit)["logits"], x => (double)x),
                Array.ConvertAll(ReferenceRun.Sites<float>(model, pair.Obscure)["logits"], x => (double)x))],
            (float[])[(float)found[i].Divergence])));
    }

    [TestCase(false), TestCase(true)]
    public void Tokens_of_the_difference_are_those_whose_logits_it_raises_most(bool processed)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel raw = ReferenceRun.Model(device, Strength);
        using LanguageModel model = processed ? WeightProcessing.TransformerLens(raw)
            : ReferenceRun.Model(device, Strength);
        var search = new HopSearch(model, [Pair]);
        double[] Written(int[] prompt) => ReferenceRun.Unembed<double>(model,
            ReferenceRun.Sites<double>(model, prompt)["blocks.1.hook_attn_out"].AsSpan(3 * 20, 20));
        double[] single = Written(Pair.Explicit), multi = Written(Pair.Obscure);
        int[] Order(Func<int, double> value) => [.. Enumerable.Range(0, 37).OrderByDescending(value).Take(6)];
        Assert.That(search.Suggest(SuggestedMemory.DifferenceTokens, [1], 6)[0].Tokens,
            Is.EqualTo(Order(v => single[v] - multi[v])));
        Assert.That(search.Suggest(SuggestedMemory.ExplicitTokens, [1], 6)[0].Tokens,
            Is.EqualTo(Order(v => single[v])));
    }

    [Test]
    public void A_suggestion_replays_as_an_edit_and_the_answer_takes_no_part_in_it()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        var search = new HopSearch(model, [Pair]);
        var other = new HopSearch(model, [Pair with { Answer = 33 }]);
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
        {
            Suggestion found = search.Suggest(kind, [1], 4)[0], again = other.Suggest(kind, [1], 4)[0];
            using (model.Attach(found.ToEdit()))
                Assert.That(new RowInjections(model, [Pair]).Before(p => p.Obscure)[0].Probability,
                    Is.EqualTo(found.Answer.Probability).Within(1e-7), $"{kind}");
            Assert.That(found.Divergence, Is.LessThanOrEqualTo(search.Find()[0].Divergence));
            Assert.That((again.Tau, again.Divergence), Is.EqualTo((found.Tau, found.Divergence)));
            Assert.That(again.Tokens, Is.EqualTo(found.Tokens));
        }
    }

    [Test]
    public void Prompts_that_are_alike_need_nothing()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        var search = new HopSearch(model, [Pair with { Obscure = Pair.Explicit }]);
        Assert.That(search.Find()[0].Divergence, Is.LessThan(1e-12));
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
            Assert.That(search.Suggest(kind, [0], 4)[0].Tau, Is.Zero, $"{kind}");
    }

    [Test]
    public void Fixed_cells_are_injections_and_the_best_of_each_pair_is_above_the_best_for_all()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(8);
        FixedCells found = FixedCells.Run(model, pairs, [1f, 3f]);
        Assert.That(found.Cells, Is.Unique.And.Count.EqualTo(16));
        for (int cell = 0; cell < 16; cell++)
        {
            SweepCell c = found.Cells[cell];
            var memory = new Memory(pairs[5].Memory, c.Layer, c.Tau)
            {
                Encoder = c.Encoder,
                Positions = c.Positions == MemoryPositions.Last ? EditPositions.Last : EditPositions.All,
            };
            Injection alone = Injection.Run(model, pairs[5].Obscure, pairs[5].Answer, [memory]);
            Assert.That(found.After[cell][5].Probability,
                Is.EqualTo(alone.After.Probability).Within(1e-7), $"{c}");
            Assert.That(found.After[cell].Average(a => a.Probability),
                Is.LessThanOrEqualTo(found.After[found.Best].Average(a => a.Probability)));
            Assert.That(found.After[cell][5].Probability,
                Is.LessThanOrEqualTo(found.After[found.BestOf(5)][5].Probability));
        }
    }

    [Test]
    public void An_evaluation_begins_with_nothing_injected_and_gives_the_same_numbers_twice()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(12);
        SuggestionEvaluation Run() => SuggestionEvaluation.Run(model, pairs[..6], pairs[6..], [1f, 3f], 4, 5);
        SuggestionEvaluation found = Run(), again = Run();
        Assert.That(found.Results[0].Gain.ProbabilityChange, Is.Zero);
        Assert.That(found.Results[2].Gain.MeanAfter,
            Is.GreaterThanOrEqualTo(found.Results[1].Gain.MeanAfter));
        Assert.That(found.Results, Has.Count.EqualTo(11));
        Assert.That(found.Results.Select(r => r.MeanAfter),
            Is.EqualTo(again.Results.Select(r => r.MeanAfter)));
        Assert.That(found.Hops, Has.Count.EqualTo(6));
    }

    // What these heads of a layer write becomes zero; the layer's bias is the same for both prompts.
    static void Silence(LanguageModel model, int layer, int[] heads)
    {
        Tensor weight = model.Set[$"h.{layer}.attn.c_proj.weight"];
        foreach (int head in heads)
            weight.Slice("rows of a head", head * 5 * 20, 5 * 20).Upload(new float[100]);
    }

    // KL of the last positions' next tokens.
    static double Divergence(double[] single, double[] multi)
    {
        static double[] Softmax(double[] logits)
        {
            double[] e = [.. logits[^37..].Select(Math.Exp)];
            double sum = e.Sum();
            return Array.ConvertAll(e, x => x / sum);
        }
        return Softmax(single).Zip(Softmax(multi)).Sum(v => v.First * Math.Log(v.First / v.Second));
    }
}
