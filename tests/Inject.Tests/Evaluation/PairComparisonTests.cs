using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class PairComparisonTests
{
    const int Top = 5;

    static readonly int[] Single = [7, 8, 6], Multi = [7, 4, 21, 30, 6], Bridge = [11, 3];

    // The oracle is the textbook in float64; its float32 loops are the yardstick.
    [TestCase(false), TestCase(true)]
    public void Each_place_is_read_as_the_textbook_in_float64_reads_it(bool processed)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel raw = ReferenceRun.Model(device);
        using LanguageModel model = processed ? WeightProcessing.TransformerLens(raw)
            : ReferenceRun.Model(device);
        PairComparison found = PairComparison.Of(model, Single, Multi, Bridge, 9, Top);
        Assert.That(found.Layers, Has.Count.EqualTo(2));
        Assert.That(found.Heads, Has.Count.EqualTo(8));
        var parts = new List<(string, double[], float[], float[])>();
        // A cosine near 0 is a sum of larger products that cancel, so its error is one of the sizes of all
        // cosines and not of its own: on one processor an error of 1.9e-7 stood beside a cosine of 0.27.
        var cosines = new List<(double Exact, float Plain, float Kernel)>();
        foreach (PlaceComparison place in found.Layers.Concat(found.Heads))
        {
            double[] single = Vector<double>(model, Single, place),
                multi = Vector<double>(model, Multi, place);
            float[] single32 = Vector<float>(model, Single, place),
                multi32 = Vector<float>(model, Multi, place);
            RequireWriting(model, place.Explicit, single);
            RequireWriting(model, place.Obscure, multi);
            cosines.Add((Cosine(single, multi), Cosine(single32, multi32), (float)place.Cosine));
            parts.Add(($"norms {place.Layer} {place.Head}",
                [ReductionReference.Norm(single), ReductionReference.Norm(multi)],
                [ReductionReference.Norm(single32), ReductionReference.Norm(multi32)],
                [(float)place.Explicit.Norm, (float)place.Obscure.Norm]));
            parts.Add(($"logits {place.Layer} {place.Head}", Listed(model, single, place.Explicit),
                Listed(model, single32, place.Explicit), [.. place.Explicit.Top.Select(t => t.Logit)]));
        }
        parts.Add(("cosines", [.. cosines.Select(c => c.Exact)], [.. cosines.Select(c => c.Plain)],
            [.. cosines.Select(c => c.Kernel)]));
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    [Test]
    public void Overlap_counts_shared_tokens_and_Jaccard_is_of_the_union()
    {
        static Writing Lists(params int[] tokens)
            => new(1, [.. tokens.Select(t => new TokenLogit(t, 0))], null, null);
        var place = new PlaceComparison(0, null, Lists(1, 2, 3, 4), Lists(4, 9, 2, 8), 0);
        Assert.That(place.Shared, Is.EqualTo(2));
        Assert.That(place.Jaccard, Is.EqualTo(2.0 / 6));
    }

    [Test]
    public void A_prompt_beside_itself_is_the_same_everywhere()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        PairComparison found = PairComparison.Of(model, Single, Single, [], null, Top);
        foreach (PlaceComparison place in found.Layers.Concat(found.Heads))
        {
            Assert.That(place.Cosine, Is.EqualTo(1).Within(1e-15));
            Assert.That(place.Jaccard, Is.EqualTo(1));
            Assert.That(place.Explicit.Norm, Is.EqualTo(place.Obscure.Norm).And.GreaterThan(0));
            Assert.That(place.Explicit.Bridge, Is.Null);
            Assert.That(place.Explicit.AnswerRank, Is.Null);
        }
    }

    [Test]
    public void Equal_logits_go_to_the_lower_id_and_a_zero_vector_has_cosine_zero()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        model.Set["wte.weight"].Slice("token 5", 5 * 20, 20).Upload(
            model.Set["wte.weight"].Slice("token 9", 9 * 20, 20).ToArray());
        TokenReading reading = TokenReading.Of(
            model, model.Set["wte.weight"].Slice("x", 9 * 20, 20).ToArray(), 37);
        int[] order = [.. reading.Top(0).Select(t => t.Token)];
        Assert.That(Array.IndexOf(order, 9), Is.EqualTo(Array.IndexOf(order, 5) + 1));
        for (int i = 0; i < order.Length; i++)
            Assert.That(reading.Rank(0, order[i]), Is.EqualTo(i + 1));
        Assert.That(TokenReading.Of(model, new float[20], 3).Top(0).Select(t => t.Token),
            Is.EqualTo([0, 1, 2]));
        Assert.That(PlaceComparison.CosineOf(new float[2], [1f, 0f]), Is.Zero);
        Assert.That(PlaceComparison.CosineOf([3f, 0f], [-2f, 0f]), Is.EqualTo(-1));
    }

    [Test]
    public void A_row_of_a_batch_writes_what_the_prompt_alone_writes()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        AttentionWrites together = AttentionWrites.Of(model, [Multi, Single])[1],
            alone = AttentionWrites.Of(model, [Single])[0];
        Assert.That(together.Out, Is.EqualTo(alone.Out));
        Assert.That(together.Results, Is.EqualTo(alone.Results));
        Assert.That(AttentionWrites.Of(model, []), Is.Empty);
    }

    static void RequireWriting(LanguageModel model, Writing found, double[] x)
    {
        double[] logits = ReferenceRun.Unembed<double>(model, x);
        int[] order =
            [.. Enumerable.Range(0, logits.Length).OrderByDescending(v => logits[v]).ThenBy(v => v)];
        Assert.That(found.Top.Select(t => t.Token), Is.EqualTo(order[..Top]));
        Assert.That(found.AnswerRank, Is.EqualTo(Array.IndexOf(order, 9) + 1));
        int first = Array.IndexOf(order, 11) + 1, second = Array.IndexOf(order, 3) + 1;
        Assert.That(found.Bridge, Is.EqualTo(new EntityRank(first, Math.Min(first, second))));
    }

    static TReal[] Listed<TReal>(LanguageModel model, TReal[] x, Writing found)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        TReal[] logits = ReferenceRun.Unembed<TReal>(model, x);
        return [.. found.Top.Select(t => logits[t.Token])];
    }

    static TReal Cosine<TReal>(TReal[] a, TReal[] b)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
        => ReductionReference.Dot(a, b) / (ReductionReference.Norm(a) * ReductionReference.Norm(b));

    static TReal[] Vector<TReal>(LanguageModel model, int[] prompt, PlaceComparison place)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        Dictionary<string, TReal[]> sites = ReferenceRun.Sites<TReal>(model, prompt);
        int C = 20, H = 4, last = prompt.Length - 1;
        return place.Head is { } head
            ? sites[$"blocks.{place.Layer}.attn.hook_result"].AsSpan((last * H + head) * C, C).ToArray()
            : sites[$"blocks.{place.Layer}.hook_attn_out"].AsSpan(last * C, C).ToArray();
    }
}
