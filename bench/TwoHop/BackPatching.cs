using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>Back-patching at the cell that the validation pairs chose, and at the best cell of each
/// pair.</summary>
/// <param name="From">Block behind which the state is taken.</param>
/// <param name="Into">Block before which it is put.</param>
/// <param name="Positions">Where.</param>
/// <param name="Own">The pair's own later state.</param>
/// <param name="Other">The state of a pair about another country, with the same length.</param>
/// <param name="Random">A random direction of the same length.</param>
/// <param name="AnyCell">Wrong answers that some cell repairs, percent: own, other, random.</param>
sealed record BackPatchingRow(int From, int Into, string Positions, double ChosenMeanProbability,
    HopOutcome Own, HopOutcome Other, HopOutcome Random, IReadOnlyList<HopEstimate> AnyCell);

/// <summary>
/// Back-patching (Biran et al. 2024, arXiv 2406.12775): the stream behind a block takes the place of the
/// stream before an earlier block, or the same one, at the same position of the same prompt, and the run goes
/// on from there.
/// </summary>
static class BackPatching
{
    const int Draws = 1;

    static readonly string[] s_positions = ["end of the description", "last", "both"];

    /// <summary>Behind a block, before a block, at these positions.</summary>
    readonly record struct Cell(int From, int Into, int Place);

    /// <summary>Which state is put in.</summary>
    enum Kind
    {
        /// <summary>The pair's own.</summary>
        Own,

        /// <summary>That of a pair about another country.</summary>
        Other,

        /// <summary>A random direction.</summary>
        Random,
    }

    internal static BackPatchingRow Run(HopPairs pairs, ulong seed, Action<string> say)
    {
        int L = pairs.Model.Config.Layers;
        Cell[] cells = [.. from place in Enumerable.Range(0, s_positions.Length)
                           from before in Enumerable.Range(0, L)
                           from block in Enumerable.Range(before, L - before)
                           select new Cell(block, before, place)];
        say("back-patching: choosing");
        AnswerStanding[][] chosenOn = After(pairs, pairs.Validation, cells, Kind.Own, seed);
        double[] mean = [.. chosenOn.Select(cell => cell.Average(a => a.Probability))];
        int best = Array.IndexOf(mean, mean.Max());
        HopPart part = pairs.Test;
        var estimates = new HopEstimates(part, seed);
        // [kinds][draws][cells][pairs]
        AnswerStanding[][][][] found = [.. Enum.GetValues<Kind>().Select(kind =>
        {
            say($"back-patching: {kind}");
            return Enumerable.Range(0, kind == Kind.Own ? 1 : Draws).Select(d =>
                After(pairs, part, cells, kind, seed + (ulong)d)).ToArray();
        })];
        AnswerStanding[][] At(Kind kind) => [.. found[(int)kind].Select(draw => draw[best])];
        // Wrong answers that the best cell of each pair repairs, which knows the answer.
        HopEstimate Any(Kind kind) => estimates.Mean(i => 100 * found[(int)kind].Average(
            draw => draw.Any(cell => cell[i].Rank == 1) ? 1 : 0.0), i => part.Before[i].Rank > 1);
        return new(cells[best].From, cells[best].Into, s_positions[cells[best].Place], 100 * mean.Max(),
            estimates.Outcome(At(Kind.Own), At(Kind.Other)), estimates.Outcome(At(Kind.Other)),
            estimates.Outcome(At(Kind.Random)), [.. Enum.GetValues<Kind>().Select(Any)]);
    }

    // [cells][pairs]
    static AnswerStanding[][] After(HopPairs pairs, HopPart part, Cell[] cells, Kind kind, ulong seed)
    {
        var random = new SeededRandom(seed, 3);
        AnswerStanding[][] found = [.. cells.Select(_ => new AnswerStanding[part.Count])];
        using var runs = new HopSuffixes(pairs.Model, part);
        for (int i = 0; i < part.Count; i++)
        {
            runs.Begin(part, i);
            foreach (IGrouping<(int Into, int Place), int> same in Enumerable.Range(0, cells.Length)
                .GroupBy(c => (cells[c].Into, cells[c].Place)))
            {
                AnswerStanding[] after = runs.Replacing(same.Key.Into, Places(part, i, same.Key.Place),
                    [.. same.Select(c => States(part, i, cells[c], kind, random))]);
                foreach ((int at, int c) in same.Index())
                    found[c][i] = after[at];
            }
        }
        return found;
    }

    static int[] Places(HopPart part, int i, int place)
    {
        int last = part.Pairs[i].Obscure.Length - 1;
        return place switch { 0 => [part.EntityEnd(i)], 1 => [last], _ => [part.EntityEnd(i), last] };
    }

    // [places] of [C], each as long as the pair's own.
    static float[][] States(HopPart part, int i, Cell cell, Kind kind, SeededRandom random)
    {
        int C = part.Width;
        int[] others = part.Others(i);
        int from = kind == Kind.Other ? others[random.Next(others.Length)] : i;
        return [.. Places(part, i, cell.Place).Zip(Places(part, from, cell.Place), (own, taken) =>
        {
            float[] mine = HopPart.At(part.Streams[i][cell.From + 1], own, C);
            float[] state = HopPart.At(part.Streams[from][cell.From + 1], taken, C);
            if (kind == Kind.Random)
                random.FillNormal(state, 1f);
            double factor = kind == Kind.Own ? 1
                : InjectionTrial.Length(mine) / InjectionTrial.Length(state);
            return Array.ConvertAll(state, v => (float)(v * factor));
        })];
    }
}
