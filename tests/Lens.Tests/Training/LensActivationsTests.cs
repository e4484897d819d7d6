using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public class LensActivationsTests
{
    static readonly int[][][] Batches = [[[3, 14, 15, 9, 2], [6, 5, 3]], [[1, 2, 3, 4]]];

    // Tensors begin at multiples of 64 bytes in an arena. 300 positions of one site are 24 kB.
    const long Rounding = 4096;

    // b T + t: rows of a batch are padded to its longest.
    static readonly int[][] Chosen = [[4, 1, 7], [2, 3]];

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Positions_of_several_batches_stand_one_after_the_other(string device)
    {
        using var test = new TestModel(device);
        using LensActivations seen = Look(test.Model, 8);
        Assert.That(seen.Count, Is.EqualTo(5));
        foreach (int layer in (int[])[0, 1])
        {
            LensInputs at = seen.Of(layer);
            Assert.That(at.Z.ToArray(), Is.EqualTo(Recorded(test.Model, new Site(SiteKind.Z, layer))));
            Assert.That(at.Before!.ToArray(),
                Is.EqualTo(Recorded(test.Model, new Site(SiteKind.ResidPre, layer))));
            Assert.That(at.After!.ToArray(),
                Is.EqualTo(Recorded(test.Model, new Site(SiteKind.ResidMid, layer))));
            Assert.That(seen.Of(layer, 1, 3).Z.ToArray(), Is.EqualTo(at.Z.ToArray()[20..80]));
        }
        Assert.That(seen.Normalized.ToArray(),
            Is.EqualTo(Recorded(test.Model, new Site(SiteKind.LnFinalNormalized))));
        seen.Clear();
        Assert.That(seen.Count, Is.Zero);
        seen.Add(new SequenceBatch(Batches[1]), Chosen[1]);
        Assert.That(seen.Normalized.ToArray(),
            Is.EqualTo(Recorded(test.Model, new Site(SiteKind.LnFinalNormalized))[60..]));
    }

    [Test]
    public void It_takes_no_more_memory_than_it_says()
    {
        using var test = new TestModel("cpu512");
        ComputeDevice device = test.Model.Device;
        foreach (int positions in (int[])[1, 300])
        {
            LensKind[] kinds = [LensKind.Residual, LensKind.Head];
            long before = device.LiveBytes;
            using var seen = new LensActivations(test.Model, [0, 1], kinds, 2, 5, positions);
            long said = 4 * LensActivations.Floats(test.Model, [0, 1], kinds, 2, 5, positions),
                taken = device.LiveBytes - before;
            Assert.That(said, Is.InRange(taken - Rounding, taken + Rounding), $"{positions} positions");
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void The_target_is_what_the_model_says(string device)
    {
        using var test = new TestModel(device);
        using LensActivations seen = Look(test.Model, 8);
        using var arena = new TensorArena(test.Model.Device, 4096, "test");
        Tensor losses = arena.Cut("losses", 5);
        new VocabularyKl(test.Model.Ops, arena, 5, 16).Run(seen.Target,
            [new KlTerm(seen.Normalized, LensActivations.ModelHead(test.Model), losses, null)], 1);
        Assert.That(losses.ToArray(), Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Results_and_the_bias_are_what_attention_writes(string device)
    {
        using var test = new TestModel(device);
        using LensActivations seen = Look(test.Model, 5);
        using LensSet lens = LensSet.Initial(test.Model,
            new() { Kind = LensKind.Head }, [1], 5);
        using var arena = new TensorArena(test.Model.Device, 4096, "test");
        LensInputs at = seen.Of(1);
        lens[1].Prepare(5);
        Tensor x = arena.Cut("features", 5, lens[1].FeatureWidth), r = arena.Cut("result", 5, 20);
        lens[1].Features(at, x);
        float[] bias = test.Plain["h.1.attn.c_proj.bias"], sum = new float[5 * 20];
        for (int h = 0; h < 4; h++)
        {
            lens[1].HeadFeatures(at, x, h, r);
            float[] result = r.ToArray();
            for (int i = 0; i < sum.Length; i++)
                sum[i] += result[i];
        }
        for (int i = 0; i < sum.Length; i++)
            sum[i] += bias[i % 20];
        var heads = new HeadResultsReference(5, 4, 5);
        float[] z = at.Z.ToArray(), W = test.Plain["h.1.attn.c_proj.weight"];
        double[] exact = heads.Sum(heads.Forward(Numbers.Wide(z), Numbers.Wide(W)), Numbers.Wide(bias));
        float[] plain = heads.Sum(heads.Forward(z, W), bias);
        Agreement.AtMostTwiceFloat32("results", exact, plain, sum);
        Agreement.AtMostTwiceFloat32("attention's output", exact, plain,
            Recorded(test.Model, new Site(SiteKind.AttnOut, 1)));
    }

    [Test]
    public void More_positions_than_there_is_room_for_are_named()
    {
        using var test = new TestModel("cpu512");
        Assert.That(() => Look(test.Model, 4),
            Throws.ArgumentException.With.Message.EqualTo("2 positions after 3; there is room for 4."));
    }

    static LensActivations Look(LanguageModel model, int room)
    {
        var seen = new LensActivations(model, [0, 1], [LensKind.Head, LensKind.Residual], 2, 5, room);
        try
        {
            foreach ((int[][] rows, int[] chosen) in Batches.Zip(Chosen))
                seen.Add(new SequenceBatch(rows), chosen);
            return seen;
        }
        catch
        {
            seen.Dispose();
            throw;
        }
    }

    // [5, C]: the site at the chosen positions, in passes of its own.
    static float[] Recorded(LanguageModel model, Site site)
    {
        List<float> values = [];
        foreach ((int[][] rows, int[] chosen) in Batches.Zip(Chosen))
        {
            using var session = new ModelSession(model,
                new SessionOptions { MaxRows = 2, MaxTokens = 5, Record = [site] });
            session.Forward(new SequenceBatch(rows));
            float[] all = session.Recordings[site].ToArray();
            foreach (int position in chosen)
                values.AddRange(all[(position * 20)..((position + 1) * 20)]);
        }
        return [.. values];
    }
}
