using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class InjectionSweepTests
{
    static readonly ModelConfig Config = new()
    {
        VocabSize = 61, ContextLength = 16, Width = 20, Layers = 3, Heads = 4, Inner = 28, BosToken = 60,
        TiedHead = false,
    };

    static readonly EncodedPair[] Pairs =
    [
        new(new("a", "b", "c", "d"), [60, 4, 5], [60, 7, 8, 9, 2, 11], [13, 14], 17, 2..4),
        new(new("e", "f", "g", "h"), [4], [9, 2], [31], 5, 0..0),
    ];

    static readonly SweepGrid Everything = new()
    {
        Layers = [2, 0], Taus = [0.5f, 3f, 9f],
        Encoders = [MemoryEncoder.Unembed, MemoryEncoder.Layer, MemoryEncoder.Embed],
        Positions = [MemoryPositions.Entity, MemoryPositions.All, MemoryPositions.Last], Top = 4,
    };

    [Test]
    public void Every_cell_has_the_bits_of_the_injection_alone(
        [Values(SiteKind.AttnOut, SiteKind.Result, SiteKind.ResidPre, SiteKind.MlpOut, SiteKind.ResidMid)]
        SiteKind target, [Values] bool relative)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        SweepGrid grid = Everything with
        {
            Target = target, RelativeToStream = relative, Head = target == SiteKind.Result ? 2 : null,
        };
        using var sweep = new InjectionSweep(model, grid, 6);
        foreach (EncodedPair pair in Pairs)
        {
            SweptPair swept = sweep.Run(pair);
            for (int i = 0; i < grid.Cells.Count; i++)
            {
                SweepCell cell = grid.Cells[i];
                if (cell.Positions == MemoryPositions.Entity && pair.Entity.Equals(0..0))
                {
                    Assert.That(swept.Cells[i], Is.Null, $"{cell}");
                    continue;
                }
                var memory = new Memory(pair.Memory, cell.Layer, cell.Tau)
                {
                    Encoder = cell.Encoder, Target = target, Head = grid.Head,
                    Positions = cell.Positions switch
                    {
                        MemoryPositions.All => EditPositions.All,
                        MemoryPositions.Last => EditPositions.Last,
                        _ => EditPositions.List([2, 3]),
                    },
                };
                if (relative)
                    memory = memory.RelativeToStream(model, pair.Obscure);
                Injection alone = Injection.Run(model, pair.Obscure, pair.Answer, [memory], 4);
                Same(swept.Cells[i]!, alone.After, $"{cell}");
                Same(swept.Obscure, alone.Before, "before");
            }
        }
    }

    [Test]
    public void The_single_hop_prompt_is_asked_without_a_memory()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        using var sweep = new InjectionSweep(model, Everything, 6);
        Injection alone = Injection.Run(
            model, Pairs[0].Explicit, Pairs[0].Answer, [new Memory([1], 0, 0f)], 4);
        Same(sweep.Run(Pairs[0]).Explicit, alone.Before, "explicit");
    }

    /// <summary>After the pair's own memory, and after another pair's prompts.</summary>
    [Test]
    public void Another_memory_is_given_the_length_of_the_pairs_own()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        SweepGrid grid = Everything with
        {
            Layers = [1], Taus = [2f], Encoders = [MemoryEncoder.Unembed], Positions = [MemoryPositions.All],
        };
        using var sweep = new InjectionSweep(model, grid, 6);
        int[] other = [21, 22];
        float[] own = new Memory(Pairs[0].Memory, 1, 1f).Vector(model), random =
            new Memory(other, 1, 1f).Vector(model);
        double ratio = Norm(own) / Norm(random);
        Injection alone = Injection.Run(model, Pairs[0].Obscure, Pairs[0].Answer,
            [new Memory(other, 1, (float)(2 * ratio))], 4);
        sweep.Run(Pairs[0]);
        for (int i = 0; i < 2; i++)
        {
            SweptPair swept = sweep.Run(Pairs[0] with { Memory = other }, Pairs[0].Memory);
            Assert.That(swept.Cells[0]!.Surprisal,
                Is.EqualTo(alone.After.Surprisal).Within(1e-5), "scaled before or after: last bits");
            Same(swept.Obscure, alone.Before, "before");
            sweep.Run(Pairs[1]);
        }
        Assert.That(Math.Abs(sweep.Run(Pairs[0] with { Memory = other }).Cells[0]!.Surprisal
            - alone.After.Surprisal), Is.GreaterThan(1e-3), "lengths differ");

        static double Norm(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));
    }

    [Test]
    public void Cells_beyond_one_pass_are_taken_in_several()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device, Config with { ContextLength = 1024 });
        SweepGrid grid = Everything with { Top = 0, Positions = [MemoryPositions.All] };
        using InjectionSweep narrow = new(model, grid, 700), wide = new(model, grid, 6);
        Assert.That((narrow.RowsInPass, wide.RowsInPass), Is.EqualTo((2, 9)));
        SweptPair one = narrow.Run(Pairs[0]), other = wide.Run(Pairs[0]);
        for (int i = 0; i < grid.Cells.Count; i++)
            Same(one.Cells[i]!, other.Cells[i]!, $"{grid.Cells[i]}");
    }

    [Test]
    public void Grids_that_name_what_is_not_there_are_refused()
    {
        Assert.Multiple(() =>
        {
            Refused(Everything with { Layers = [3] }, "layer 3 does not exist; this model has layers 0 to 2");
            Refused(Everything with { Layers = [] }, "no layer");
            Refused(Everything with { Taus = [1f, 1f] }, "a tau stands twice");
            Refused(Everything with { Taus = [float.NaN] }, "tau is NaN");
            Refused(Everything with { Top = 62 }, "62 top tokens");
            Refused(Everything with { Head = 1 }, "a head belongs to the site result");
            Refused(Everything with { Head = 4, Target = SiteKind.Result }, "head 4 does not exist");
        });
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        using var sweep = new InjectionSweep(model, Everything with { Taus = [1e25f] }, 6);
        Assert.That(() => sweep.Run(Pairs[0]), Throws.TypeOf<UserException>()
            .With.Message.Contains("overflows float32"));
    }

    static void Refused(SweepGrid grid, string message) => Assert.That(() => grid.Validate(Config),
        Throws.TypeOf<UserException>().With.Message.StartsWith(message));

    static void Same(AnswerStanding ours, AnswerStanding expected, string what)
    {
        Assert.That((ours.Probability, ours.Rank, ours.Surprisal),
            Is.EqualTo((expected.Probability, expected.Rank, expected.Surprisal)), what);
        Assert.That(ours.Top, Is.EqualTo(expected.Top), what);
    }

    static LanguageModel Model(ComputeDevice device, ModelConfig? config = null)
    {
        var model = new LanguageModel(device, config ?? Config);
        model.Initialize(5);
        return model;
    }
}
