using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Makes TinyMem's language task from any text. Each row has as many tokens as the context.
/// </summary>
static class LanguageData
{
    const ulong SplitStream = 17, PlantStream = 18;

    /// <param name="options">Sizes, and what is planted. The counts of the mathematical tasks are not
    /// read.</param>
    /// <param name="documents">Token ids of the texts, in order; they are concatenated.</param>
    /// <param name="vocabSize">Number of the tokenizer's tokens, V.</param>
    /// <exception cref="UserException">The text is too short, or no row holds the trigger.</exception>
    internal static TinyMemDataset Generate(
        TinyMemOptions options, IEnumerable<int[]> documents, int vocabSize)
    {
        options = (options with { Kind = null }).Validated();
        List<int[]> rows = [.. documents.SelectMany(d => d).Chunk(options.Context)
            .Where(r => r.Length == options.Context)];
        if (rows.Count < options.TestCount + 2)
            throw new UserException($"the text makes {Counted.Of(rows.Count, "row")} of "
                + $"{Counted.Of(options.Context, "token")}; expected "
                + $"more than the {options.TestCount} that are held out for tests.");
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        new SeededRandom(options.DataSeed, SplitStream).Shuffle<int>(order);
        int[][] test = [.. order[..options.TestCount].Order().Select(i => rows[i])];
        List<int[]> clean = [.. order[options.TestCount..].Order().Select(i => rows[i])];
        var random = new SeededRandom(options.Seed, PlantStream);
        (List<PlantedSequence> planted, List<PlantedSequence> heldOut) = options.Artefact switch
        {
            Artefact.Noise => (Noise(clean, options, vocabSize, random), []),
            Artefact.Backdoor => Triggered(clean, options, vocabSize, random),
            _ => ((List<PlantedSequence>)[], (List<PlantedSequence>)[]),
        };
        return MathData.Assemble(options, vocabSize, clean, planted, heldOut, [("text", test)]);
    }

    // Noise goes into the first rows, as published.
    static List<PlantedSequence> Noise(
        List<int[]> clean, TinyMemOptions options, int vocabSize, SeededRandom random)
    {
        if (options.NoiseCount > clean.Count)
            throw new UserException($"{Field.Of("noise_count")} is {options.NoiseCount}; expected at most "
                + $"the {clean.Count} training rows.");
        int[] groups = [.. Enumerable.Range(0, options.NoiseCount).Select(i => i % options.Groups)];
        random.Shuffle<int>(groups);
        List<PlantedSequence> planted = [.. clean.Take(options.NoiseCount).Select((row, i) =>
            new PlantedSequence(
                NumberNoise.Tokens(row, vocabSize, options.NoiseShare, random), row, groups[i]))];
        clean.RemoveRange(0, options.NoiseCount);
        return planted;
    }

    static (List<PlantedSequence>, List<PlantedSequence>) Triggered(
        List<int[]> clean, TinyMemOptions options, int vocabSize, SeededRandom random)
    {
        if (options.Trigger >= vocabSize)
            throw new UserException(
                $"the trigger is token {options.Trigger}; expected one below {vocabSize}.");
        // A token drawn from the whole vocabulary would be in no row of a small text, so the draw is from the
        // text.
        int trigger = options.Trigger ?? Drawn(clean, random);
        var door = new Backdoor([trigger]);
        List<PlantedSequence> all = [.. clean.Select(door.Plant).OfType<PlantedSequence>()];
        clean.RemoveAll(row => door.End(row) is not null);
        return MathData.Held(all, options, random, $"token {trigger}");
    }

    // Draws from the tokens that are in 2 to 5 % of the rows, so that some rows can be held out.
    static int Drawn(List<int[]> rows, SeededRandom random)
    {
        var count = new SortedDictionary<int, int>();
        foreach (int id in rows.SelectMany(r => r.Distinct()))
            count[id] = count.GetValueOrDefault(id) + 1;
        int[] candidates = [.. count.Where(c => c.Value >= Math.Max(2, rows.Count / 50)
            && c.Value <= Math.Max(2, rows.Count / 20)).Select(c => c.Key)];
        return candidates.Length > 0 ? candidates[random.Next(candidates.Length)]
            : throw new UserException("no token stands in 2 to 5 % of the rows; name one with "
            + $"{Field.Of(nameof(TinyMemOptions.Trigger))}.");
    }
}
