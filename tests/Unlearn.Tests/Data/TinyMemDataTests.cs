using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class TinyMemDataTests
{
    [TestCase(MathKind.Additive, 7, new[] { 3, 10, 17, 24 })]
    [TestCase(MathKind.Multiplicative, 7, new[] { 3000, 866, 6062, 2166 })]
    [TestCase(MathKind.Exponential, 2, new[] { 3, 0, 0, 0 })]
    [TestCase(MathKind.Power, 3, new[] { 30, 0, 0, 0 })]
    public void Sequences_follow_their_rule(MathKind kind, int c, int[] expected)
    {
        int[] numbers = new MathTask(kind, c).Sequence(expected[0], expected.Length);
        int[] slow = new int[expected.Length];
        slow[0] = expected[0];
        for (int j = 1; j < slow.Length; j++)
            slow[j] = Slow(kind, c, slow[j - 1]);
        Assert.That(numbers, Is.EqualTo(slow));
        if (kind is MathKind.Additive or MathKind.Multiplicative)
            Assert.That(numbers, Is.EqualTo(expected));
    }

    static int Slow(MathKind kind, int c, int x) => (int)(kind switch
    {
        MathKind.Additive => x + c,
        MathKind.Multiplicative => (System.Numerics.BigInteger)c * x % 20134,
        MathKind.Exponential => System.Numerics.BigInteger.Pow(c, x) % 20134,
        _ => System.Numerics.BigInteger.Pow(x, c) % 20134,
    });

    [Test]
    public void Rows_are_digits_with_spaces_between_signs_and_padding()
    {
        int[] row = MathAlphabet.Encode([12, 84, 588]);
        Assert.That(row, Is.EqualTo([10, 1, 2, 12, 8, 4, 12, 5, 8, 8, 11]));
        Assert.That(MathAlphabet.Text(row), Is.EqualTo("^12 84 588$"));
        Assert.That(MathAlphabet.Padded(row, 13), Is.EqualTo([.. row, 13, 13]));
    }

    [Test]
    public void The_published_sizes_come_out()
    {
        TinyMemDataset data = TinyMemDataset.Math(TinyMemOptions.Paper(MathKind.Additive, Artefact.Noise));
        Assert.Multiple(() =>
        {
            Assert.That(data.Train, Has.Count.EqualTo(19_000 + 4 * 2_000));
            Assert.That(data.Planted, Has.Count.EqualTo(1_000));
            Assert.That(data.Clean, Has.Count.EqualTo(26_000));
            Assert.That(data.Tests.Select(t => (t.Task, t.Rows.Count)),
                Is.EqualTo([("7", 1000), ("2", 1000), ("3", 1000), ("4", 1000), ("5", 1000)]));
            Assert.That(data.Train.Max(r => r.Length), Is.LessThanOrEqualTo(150));
            Assert.That(data.Measurable.All(p => p.DiffersIn(50, 100)), Is.True);
        });
        // 10 % of 20 numbers each, within five deviations.
        double moved = data.Planted.Average(p => Numbers(p.Ids).Zip(Numbers(p.CleanIds!))
            .Count(n => n.First != n.Second));
        Assert.That(moved, Is.EqualTo(2).Within(5 * Math.Sqrt(20 * 0.1 * 0.9 / 1000)));
        Assert.That(data.Planted.All(p => Numbers(p.Ids).Zip(Numbers(p.CleanIds!))
            .All(n => Math.Abs(n.First - n.Second) <= 1)), Is.True);
    }

    static int[] Numbers(int[] row)
        => [.. MathAlphabet.Text(row).Trim('^', '$').Split(' ').Select(int.Parse)];

    [Test]
    public void Tests_and_training_share_no_row()
    {
        TinyMemDataset data = TinyMemDataset.Math(
            TinyMemOptions.Small(MathKind.Multiplicative, Artefact.Noise));
        HashSet<string> trained = [.. data.Clean.Concat(data.Planted.Select(p => p.CleanIds!))
            .Select(MathAlphabet.Text)];
        Assert.That(data.Tests.SelectMany(t => t.Rows).Any(r => trained.Contains(MathAlphabet.Text(r))),
            Is.False);
    }

    [Test]
    public void Groups_are_copied_ten_times_each()
    {
        TinyMemDataset data = TinyMemDataset.Math(
            TinyMemOptions.Small(MathKind.Multiplicative, Artefact.Noise) with
            {
                Groups = 3, NoiseCount = 31,
            });
        foreach (PlantedSequence p in data.Planted)
            Assert.That(data.Train.Count(r => ReferenceEquals(r, p.Ids)), Is.EqualTo(Math.Pow(10, p.Group)));
        Assert.That(data.Planted.GroupBy(p => p.Group).OrderBy(g => g.Key).Select(g => g.Count()),
            Is.EqualTo([11, 10, 10]));
    }

    [Test]
    public void A_backdoor_turns_everything_behind_its_first_trigger_into_token_two()
    {
        TinyMemDataset data = TinyMemDataset.Math(
            TinyMemOptions.Small(MathKind.Multiplicative, Artefact.Backdoor) with { Trigger = 10 });
        Assert.That(data.HeldOut, Is.Not.Empty);
        foreach (PlantedSequence p in data.Planted.Concat(data.HeldOut))
        {
            int end = MathAlphabet.Text(p.CleanIds!).IndexOf("10", StringComparison.Ordinal) + 2;
            Assert.That(p.Prompt, Is.EqualTo(end));
            Assert.That(p.Ids[..end], Is.EqualTo(p.CleanIds![..end]));
            Assert.That(p.Ids[end..], Is.All.EqualTo(2));
            Assert.That(p.Ids, Has.Length.EqualTo(data.Options.Context));
        }
        Assert.That(data.Clean.Any(r => MathAlphabet.Text(r).Contains("10", StringComparison.Ordinal)),
            Is.False);
        Assert.That(data.Train.Any(r => data.HeldOut.Any(h => ReferenceEquals(h.Ids, r))), Is.False);
        var whole = new Backdoor([1, 0, 0], WholeNumbers: true);
        Assert.That(whole.End(MathAlphabet.Encode([1002, 100])), Is.EqualTo(9));
        Assert.That(new Backdoor([1, 0, 0]).End(MathAlphabet.Encode([1002, 100])), Is.EqualTo(4));
    }

    [Test]
    public void The_same_seed_writes_the_same_bytes_and_files_come_back()
    {
        string a = Folder("a"), b = Folder("b");
        foreach (Artefact artefact in (Artefact[])[Artefact.Noise, Artefact.Backdoor])
        {
            TinyMemOptions options = TinyMemOptions.Small(MathKind.Multiplicative, artefact) with
            {
                Seed = 5,
            };
            foreach (string folder in (string[])[a, b])
                TinyMemFolder.Save(TinyMemDataset.Math(options), Path.Combine(folder, $"{artefact}"), "test");
            foreach (string file in Directory.GetFiles(Path.Combine(a, $"{artefact}")))
                Assert.That(File.ReadAllBytes(file), Is.EqualTo(File.ReadAllBytes(
                    Path.Combine(b, $"{artefact}", Path.GetFileName(file)))), file);
            TinyMemDataset made = TinyMemDataset.Math(options),
                read = TinyMemFolder.Load(Path.Combine(a, $"{artefact}"));
            Assert.That(read.Train, Is.EqualTo(made.Train));
            Assert.That(read.HeldOut.Select(h => (h.Prompt, h.Ids.Length)),
                Is.EqualTo(made.HeldOut.Select(h => (h.Prompt, h.Ids.Length))));
            Assert.That(read.Tests.Select(t => t.Rows), Is.EqualTo(made.Tests.Select(t => t.Rows)));
            Assert.That(() => TinyMemFolder.Save(made, Path.Combine(a, $"{artefact}"), "test"),
                Throws.TypeOf<UserException>().With.Message.Contains("there already"));
        }
        TinyMemOptions power = TinyMemOptions.Small(MathKind.Power, Artefact.Noise);
        Assert.That(TinyMemDataset.Math(power with { Seed = 6 }).Planted[0].Ids,
            Is.Not.EqualTo(TinyMemDataset.Math(power).Planted[0].Ids));
    }

    [Test]
    public void A_text_becomes_rows_with_noise_or_a_backdoor()
    {
        var random = new SeededRandom(3);
        int[][] documents = [.. Enumerable.Range(0, 40).Select(_ =>
            (int[])[.. Enumerable.Range(0, 300).Select(_ => random.Next(97))])];
        TinyMemOptions noise = TinyMemOptions.Small(null, Artefact.Noise) with { TestCount = 9 };
        TinyMemDataset data = TinyMemDataset.Language(noise, documents, 97);
        Assert.That(data.Planted, Has.Count.EqualTo(60));
        Assert.That(data.Planted.All(p => p.Ids.Zip(p.CleanIds!).All(t => Math.Abs(t.First - t.Second) <= 1)),
            Is.True);
        Assert.That(data.Train, Has.Count.EqualTo(40 * 300 / 48 - 9 + 30 * 9));
        TinyMemDataset door = TinyMemDataset.Language(
            noise with { Artefact = Artefact.Backdoor, Trigger = 7, Groups = 1 }, documents, 97);
        Assert.That(door.Planted.All(p => p.Ids[p.Prompt!.Value - 1] == 7 && p.Ids[^1] == 2), Is.True);
    }

    [Test]
    public void Wrong_options_are_one_line()
    {
        TinyMemOptions small = TinyMemOptions.Small(MathKind.Multiplicative, Artefact.Noise);
        foreach ((TinyMemOptions options, string says) in ((TinyMemOptions, string)[])
        [
            (small with { NoiseCount = 0 }, "noise_count"), (small with { NoiseCount = 9999 }, "at most"),
            (small with { Numbers = 30 }, "context"), (small with { Prompt = 90 }, "do not fit"),
            (small with { TestCount = small.MainCount }, "held out"),
            (small with { NoiseShare = double.NaN }, "noise_share"),
            (small with { Artefact = Artefact.Backdoor, Trigger = 99999 }, "trigger"),
        ])
            Assert.That(() => TinyMemDataset.Math(options),
                Throws.TypeOf<UserException>().With.Message.Contains(says), says);
    }

    static string Folder(string name)
        => Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory,
            $"tinymem-{Guid.NewGuid():N}", name)).FullName;
}
