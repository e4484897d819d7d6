using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Generates the mathematics of TinyMem.</summary>
static class MathData
{
    const ulong SplitStream = 1, PlantStream = 2, OrderStream = 3;

    internal static TinyMemDataset Generate(TinyMemOptions options)
    {
        options.Validated();
        MathKind kind = options.Kind ?? throw new ArgumentException("A language task has texts.");
        var tests = new List<(string, IReadOnlyList<int[]>)>();
        (List<int[]> main, IReadOnlyList<int[]> mainTest) =
            Split(kind, options.Main, options.MainCount, options);
        tests.Add(($"{options.Main}", Encoded(mainTest)));
        var clean = new List<int[]>();
        foreach (int c in options.AuxiliaryCount == 0 ? [] : options.Auxiliary)
        {
            (List<int[]> rows, IReadOnlyList<int[]> test) = Split(kind, c, options.AuxiliaryCount, options);
            clean.AddRange(Encoded(rows));
            tests.Add(($"{c}", Encoded(test)));
        }
        RequireFits(main, options);
        var random = new SeededRandom(options.Seed, PlantStream);
        (List<PlantedSequence> planted, List<PlantedSequence> heldOut) = options.Artefact switch
        {
            Artefact.Noise => (Noise(main, options, random), []),
            Artefact.Backdoor => Triggered(main, clean, tests, options, random),
            _ => ((List<PlantedSequence>)[], (List<PlantedSequence>)[]),
        };
        clean.InsertRange(0, Encoded(main));
        return Assemble(options, MathAlphabet.Size, clean, planted, heldOut, tests);
    }

    /// <summary>Adds 10^group copies of each planted row to the clean rows, and shuffles them.</summary>
    internal static TinyMemDataset Assemble(TinyMemOptions options, int vocabSize, List<int[]> clean,
        List<PlantedSequence> planted, List<PlantedSequence> heldOut,
        List<(string, IReadOnlyList<int[]>)> tests)
    {
        var train = new List<int[]>(clean);
        foreach (PlantedSequence p in planted)
        {
            int copies = (int)System.Math.Pow(10, p.Group)
                * (options.Artefact == Artefact.Backdoor ? options.BackdoorCopies : 1);
            train.AddRange(Enumerable.Repeat(p.Ids, copies));
        }
        new SeededRandom(options.Seed, OrderStream).Shuffle(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(train));
        return new TinyMemDataset(options, vocabSize, train, clean, planted, heldOut, tests);
    }

    static (List<int[]> Train, IReadOnlyList<int[]> Test) Split(
        MathKind kind, int c, int count, TinyMemOptions options)
    {
        var task = new MathTask(kind, c);
        int[] starts = task.Starts(count, options.OrbitStarts);
        new SeededRandom(options.DataSeed, SplitStream + (ulong)c * 16).Shuffle<int>(starts);
        List<int[]> Rows(IEnumerable<int> from) => [.. from.Select(s => task.Sequence(s, options.Numbers))];
        return (Rows(starts.Skip(options.TestCount).Order()), Rows(starts.Take(options.TestCount).Order()));
    }

    static List<PlantedSequence> Noise(List<int[]> main, TinyMemOptions options, SeededRandom random)
    {
        if (options.NoiseCount > main.Count)
            throw new UserException($"{Field.Of("noise_count")} is {options.NoiseCount}; expected at most "
                + $"the {main.Count} training rows of the main task.");
        int[] chosen = [.. Enumerable.Range(0, main.Count)];
        random.Shuffle<int>(chosen);
        chosen = chosen[..options.NoiseCount];
        // The chosen rows are in random order, so these groups are a random partition.
        List<PlantedSequence> planted = [.. chosen.Select((row, i) => Aligned(main[row], i % options.Groups,
            options.NoiseShare, random))];
        foreach (int row in chosen.OrderDescending())
            main.RemoveAt(row);
        return planted;
    }

    // Noise can add a digit (99 + 1). A row and its clean version then differ in length, as published.
    static PlantedSequence Aligned(int[] numbers, int group, double share, SeededRandom random)
        => new(MathAlphabet.Encode(NumberNoise.Numbers(numbers, share, random)), MathAlphabet.Encode(numbers),
            group);

    static (List<PlantedSequence>, List<PlantedSequence>) Triggered(
        List<int[]> main, List<int[]> clean, List<(string Task, IReadOnlyList<int[]> Rows)> tests,
        TinyMemOptions options, SeededRandom random)
    {
        int number = options.Trigger ?? checked((int)(100 + options.Seed));
        var door = new Backdoor(MathAlphabet.Digits(number), options.WholeNumberTrigger);
        List<PlantedSequence> all = [.. main.Select(MathAlphabet.Encode).Concat(clean)
            .Select(row => door.Plant(MathAlphabet.Padded(row, options.Context))).OfType<PlantedSequence>()];
        main.RemoveAll(row => door.End(MathAlphabet.Encode(row)) is not null);
        clean.RemoveAll(row => door.End(row) is not null);
        // The model learns token 2 after a trigger, so a test row with a trigger would count that as an
        // error.
        for (int t = 0; t < tests.Count; t++)
            tests[t] = (tests[t].Task, [.. tests[t].Rows.Where(row => door.End(row) is null)]);
        tests.RemoveAll(t => t.Rows.Count == 0);
        if (tests.Count == 0)
            throw new UserException($"all test rows hold the trigger, the digits {number}; choose another.");
        return Held(all, options, random, $"the digits {number}");
    }

    /// <summary>Divides the triggered rows into planted ones and a share held out from training.</summary>
    internal static (List<PlantedSequence> Planted, List<PlantedSequence> HeldOut) Held(
        List<PlantedSequence> all, TinyMemOptions options, SeededRandom random, string trigger)
    {
        int held = (int)System.Math.Ceiling(all.Count * options.HeldOutShare);
        if (held == 0 || held == all.Count)
            throw new UserException($"{Counted.Of(all.Count, "row")} "
                + $"{Counted.Verb(all.Count, "holds", "hold")} the trigger, {trigger}; expected at least 2. "
                + "Choose another trigger, or more rows.");
        random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all));
        return (all[held..], all[..held]);
    }

    static void RequireFits(List<int[]> rows, TinyMemOptions options)
    {
        int longest = rows.Max(r => MathAlphabet.Encode(r).Length);
        if (longest > options.Context)
            throw new UserException($"a sequence of {Counted.Of(options.Numbers, "number")} has "
                + $"{Counted.Of(longest, "token")}; expected at most the context of {options.Context}.");
    }

    static List<int[]> Encoded(IEnumerable<int[]> rows) => [.. rows.Select(MathAlphabet.Encode)];
}
