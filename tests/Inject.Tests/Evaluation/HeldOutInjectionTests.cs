using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class HeldOutInjectionTests
{
    static readonly ModelConfig Config = new()
    {
        VocabSize = 61, ContextLength = 16, Width = 20, Layers = 2, Heads = 4, Inner = 28, BosToken = 60,
        EosToken = 59,
    };

    static readonly SweepGrid Grid = new() { Layers = [0, 1], Taus = [1f, 6f, 30f] };

    [Test]
    public void The_cell_is_the_first_parts_best_and_the_numbers_are_the_second_parts()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(9);
        // Memories that hold the answer's token gain by large magnitudes, others by small ones.
        EncodedPair[] helped = [.. Enumerable.Range(0, 6).Select(i => Pair(i, [20 + i], 20 + i))],
            harmed = [.. Enumerable.Range(0, 6).Select(i => Pair(i, [40 + i], 20 + i))];
        HeldOutInjection one = Run(model, helped, harmed), other = Run(model, harmed, helped);
        Assert.That(one.Chosen.Cell, Is.Not.EqualTo(other.Chosen.Cell));
        (HeldOutInjection, EncodedPair[], EncodedPair[])[] both =
            [(one, helped, harmed), (other, harmed, helped)];
        foreach ((HeldOutInjection found, EncodedPair[] chose, EncodedPair[] measured) in both)
        {
            double best = Grid.Cells.Max(c => MeanChange(model, chose, c));
            Assert.That(MeanChange(model, chose, found.Chosen.Cell), Is.EqualTo(best));
            Assert.That(found.Outcomes[0].ProbabilityChange.Value,
                Is.EqualTo(MeanChange(model, measured, found.Chosen.Cell)).Within(1e-9));
            Assert.That(found.Probability, Is.EqualTo(measured.Select(p => Before(model, p))));
        }
        // with the right tokens against others of the same length
        Assert.That(other.Outcomes[0].MeanAfter.Value, Is.GreaterThan(other.Outcomes[1].MeanAfter.Value));
        Assert.That(other.Outcomes[0].MeanAfter.Value, Is.GreaterThan(other.Outcomes[2].MeanAfter.Value));
    }

    [Test]
    public void Random_memories_are_never_the_pairs_own_nor_special_tokens()
    {
        EncodedPair[] pairs = [Pair(0, [5, 6, 7], 1), Pair(1, [5, 6, 7], 2), Pair(2, [8], 3)];
        var random = new SeededRandom(3);
        for (int i = 0; i < 200; i++)
        {
            Assert.That(RandomMemoryKind.OtherBridge.Draw(pairs[0], pairs, Config, random),
                Is.EqualTo((int[])[8]));
            int[] tokens = RandomMemoryKind.RandomTokens.Draw(pairs[0], pairs, Config, random);
            Assert.That(tokens, Has.Length.EqualTo(3).And.Unique.And.All.InRange(0, 58));
        }
    }

    [Test]
    public void A_random_memory_has_the_length_of_the_pairs_own()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(9, 0.2f);
        // Of two pairs each has the other's memory to draw, whatever the seed; the lengths differ.
        EncodedPair[] pairs = [Pair(0, [5, 6, 7], 1), Pair(1, [8], 2)];
        HeldOutInjection found = HeldOutInjection.Run(model, pairs, pairs, Options(1));
        double expected = pairs.Select((pair, i) => Scaled(model, pair, pairs[1 - i].Memory,
            found.Chosen.Cell))
            .Average();
        Assert.That(found.Outcomes[1].MeanAfter.Value, Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void Random_tokens_come_from_the_seed_and_every_draw_counts()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(9, 0.2f);
        EncodedPair[] pairs = [.. Enumerable.Range(0, 4).Select(i => Pair(i, [20 + i], 20 + i))];
        double Mean(int draws, ulong seed) => HeldOutInjection.Run(
            model, pairs, pairs, Options(draws) with { Seed = seed }).Outcomes[2].MeanAfter.Value;
        Assert.That(Mean(1, 3), Is.EqualTo(Mean(1, 3)));
        Assert.That(Mean(1, 4), Is.Not.EqualTo(Mean(1, 3)));
        Assert.That(Mean(2, 3), Is.Not.EqualTo(Mean(1, 3)));
    }

    [Test]
    public void Pairs_about_one_entity_are_drawn_together()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(9);
        EncodedPair[] pairs = [.. Enumerable.Range(0, 4).Select(i => Pair(i, [20 + i], 20 + i))],
            same = [.. pairs.Select(p => p with { Pair = p.Pair with { Bridge = "one" } })];
        Assert.That(HeldOutInjection.Run(model, pairs, same, Options(1)).Outcomes[0].MeanAfter.Interval.Low,
            Is.NaN, "one entity has no spread");
        Assert.That(HeldOutInjection.Run(model, pairs, pairs, Options(1)).Outcomes[0].MeanAfter.Interval.Low,
            Is.Not.NaN);
    }

    [Test]
    public void Too_little_to_choose_from_or_measure_on_is_refused()
    {
        EncodedPair[] two = [Pair(0, [5], 1), Pair(1, [6], 2)], same = [Pair(0, [5], 1), Pair(1, [5], 2)];
        Assert.Multiple(() =>
        {
            Refused([], two, Grid, "0 pairs to choose a cell and 2");
            Refused(two, two[..1], Grid, "2 pairs to choose a cell and 1");
            Refused(two, same, Grid, "all pairs to measure on have one memory");
            Refused(two, two, Grid with { Positions = [MemoryPositions.All, MemoryPositions.Entity] },
                "too few prompts contain their obscure_entity");
        });
    }

    static void Refused(EncodedPair[] validation, EncodedPair[] test, SweepGrid grid, string message)
        => Assert.That(() => HeldOutInjection.RequireEnough(validation, test, grid),
            Throws.TypeOf<UserException>().With.Message.StartsWith(message));

    static HeldOutInjection Run(LanguageModel model, EncodedPair[] validation, EncodedPair[] test)
        => HeldOutInjection.Run(model, validation, test, new HeldOutOptions
        {
            Grid = Grid, Choice = SweepSummary.Choices.Single(c => c.Name == "mean_probability"),
            Resamples = 50,
        });

    static HeldOutOptions Options(int draws) => new()
    {
        Grid = Grid, Choice = SweepSummary.Choices.Single(c => c.Name == "mean_probability"), Draws = draws,
        Resamples = 20,
    };

    // The answer's probability with another memory's vector, as long as the pair's own.
    static double Scaled(LanguageModel model, EncodedPair pair, int[] other, SweepCell cell)
    {
        static double Length(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));
        float[] own = new Memory(pair.Memory, cell.Layer, 1f).Vector(model),
            vector = new Memory(other, cell.Layer, 1f).Vector(model);
        float alpha = (float)(cell.Tau * Length(own) / Length(vector));
        return Injection.Run(model, pair.Obscure, pair.Answer, [new Memory(other, cell.Layer, alpha)])
            .After.Probability;
    }

    static double MeanChange(LanguageModel model, EncodedPair[] pairs, SweepCell cell)
    {
        double before = 0, after = 0;
        foreach (EncodedPair pair in pairs)
        {
            Injection one = Injection.Run(model, pair.Obscure, pair.Answer,
                [new Memory(pair.Memory, cell.Layer, cell.Tau)]);
            before += one.Before.Probability;
            after += one.After.Probability;
        }
        return 100 * (after / pairs.Length / (before / pairs.Length) - 1);
    }

    static double Before(LanguageModel model, EncodedPair pair) => Injection.Run(
        model, pair.Obscure, pair.Answer, [new Memory(pair.Memory, 0, 0f)]).Before.Probability;

    static EncodedPair Pair(int i, int[] memory, int answer) => new(
        new($"single {i}", $"multi {i}", $"bridge {i}", $"answer {i}"), [60, 4 + i], [60, 11 + i, 9, 2, 8],
        memory, answer, 0..0);
}
