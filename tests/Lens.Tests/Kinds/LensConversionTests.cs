using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>Head lenses as thin ones and back.</summary>
public sealed class LensConversionTests
{
    const int V = 37;

    static readonly int[] Prompt = [3, 14, 15, 9, 2];

    static readonly ModelConfig Config =
        new() { VocabSize = V, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    [TestCase(LensKind.Head, LensKind.Thin), TestCase(LensKind.Thin, LensKind.Head)]
    public void There_and_back_the_logits_are_the_same(LensKind from, LensKind to)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet first = Trained(model, from);
        using LensSet there = LensConversion.To(first, to), back = LensConversion.To(there, from);
        Assert.That(there.Options.Kind, Is.EqualTo(to));
        foreach (LensSet converted in (LensSet[])[there, back])
            foreach (int layer in first.Layers)
            {
                float[] expected = Logits(model, first, layer);
                Assert.That(Logits(model, converted, layer),
                    Is.EqualTo(expected).Within(2e-5 * expected.Max(MathF.Abs)));
            }
        // What a thin lens says is all there is to keep: those parameters come back.
        if (from == LensKind.Thin)
            Assert.That(back[1].Parameters[0].Value.ToArray(),
                Is.EqualTo(first[1].Parameters[0].Value.ToArray()).Within(1e-5));
    }

    [Test]
    public void A_head_without_full_rank_is_named()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        Tensor weight = model.Set["h.1.attn.c_proj.weight"]; // rows 10 to 14 are head 2's
        weight.SliceRows(12, 1).Upload(weight.SliceRows(11, 1).ToArray());
        using LensSet thin = Trained(model, LensKind.Thin);
        Assert.That(() => LensConversion.To(thin, LensKind.Head), Throws.TypeOf<UserException>()
            .With.Message.Contains("layer 1, head 2").And.Message.Contains("condition number"));
    }

    [Test]
    public void Other_kinds_are_refused()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet shared = Trained(model, LensKind.Shared), thin = Trained(model, LensKind.Thin);
        Assert.That(() => LensConversion.To(shared, LensKind.Thin), Throws.TypeOf<UserException>());
        Assert.That(() => LensConversion.To(thin, LensKind.Thin), Throws.TypeOf<UserException>());
    }

    // Of every head and position, by token.
    static float[] Logits(LanguageModel model, LensSet lens, int layer)
    {
        using var at = new LensActivations(
            model, [layer], [lens.Options.Kind], 1, Prompt.Length, Prompt.Length);
        at.Add(new SequenceBatch([Prompt]), [0, 1, 2, 3, 4]);
        LayerReading found = LensReader.Layer(lens[layer], at, [0, 1, 2, 3], new int[Prompt.Length], V);
        return [.. found.Heads.SelectMany(h => h.Words).Concat(found.Whole)
            .SelectMany(w => w.Top.OrderBy(t => t.Id)).Select(t => t.Logit)];
    }

    static LensSet Trained(LanguageModel model, LensKind kind)
    {
        LensSet lens = LensSet.Initial(
            model, new() { Kind = kind }, [0, 1], LensReader.PositionsAtOnce(Config));
        var random = new SeededRandom(23);
        foreach (LensParameter p in lens.Layers.SelectMany(l => lens[l].Parameters))
        {
            float[] values = new float[p.Value.Length];
            random.FillNormal(values, 0.3f);
            p.Value.Upload(values);
        }
        return lens;
    }

    static LanguageModel Random(ComputeDevice device)
    {
        var model = new LanguageModel(device, Config);
        model.Initialize(11);
        var random = new SeededRandom(5);
        foreach (string name in (string[])["h.0.attn.c_proj.weight", "h.1.attn.c_proj.weight"])
        {
            float[] values = new float[model.Set[name].Length];
            random.FillNormal(values, 0.7f);
            model.Set[name].Upload(values);
        }
        return model;
    }
}
