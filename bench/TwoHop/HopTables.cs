using System.Globalization;

namespace HeadTap.TwoHop;

/// <summary>Everything of part inject.</summary>
sealed record HopInjections(int ChosenOn, int MeasuredOn, IReadOnlyList<InjectionRow> Added,
    BackPatchingRow BackPatching);

/// <summary>Tables in Markdown, as docs/inject.md and docs/heads.md have them.</summary>
static class HopTables
{
    internal static void Print(HopInjections result)
    {
        Row("added", "cell", "memory", "mean p", "repaired", "lost", "over another's");
        Row("---", "---", "---", "---", "---", "---", "---");
        foreach (InjectionRow row in result.Added)
            Three(row.Source,
                $"{row.Detail}{(row.Detail is null ? "" : "; ")}{row.Positions}, layer {row.Layer}, "
                + string.Create(CultureInfo.InvariantCulture, $"{row.Tau}"), row.Own, row.Other, row.Random);
        BackPatchingRow back = result.BackPatching;
        Three("back-patching", $"behind {back.From} to before {back.Into}, {back.Positions}",
            back.Own, back.Other, back.Random);
        Console.WriteLine();
        Console.WriteLine($"back-patching, some cell repairs: own {back.AnyCell[0]}, another country's "
            + $"{back.AnyCell[1]}, random {back.AnyCell[2]}");
    }

    internal static void Print(IReadOnlyList<HopTable> tables)
    {
        foreach (HopTable table in tables)
        {
            Console.WriteLine($"{table.Lens}, {table.Position}, {table.Answers} ({table.Pairs} pairs)");
            Row("place", "rank of bridge", "answer", "another country", "bridge first, %", "answer",
                "another",
                "bridge in five, %", "answer", "another");
            Row([.. Enumerable.Repeat("---", 10)]);
            foreach (HopReading reading in table.Readings)
                Row([reading.Place, .. reading.GeometricRank.Concat(reading.First).Concat(reading.Five)
                    .Select(e => $"{e}")]);
            foreach (HopOrder order in table.Orders)
                Console.WriteLine($"rank {order.Rank}: bridge before answer {order.BridgeFirst}, same place "
                    + $"{order.SamePlace}, answer before bridge {order.AnswerFirst}, answer alone "
                    + $"{order.AnswerAlone}, bridge alone {order.BridgeAlone}, neither {order.Neither}");
            Console.WriteLine(
                $"mean place of rank 5: bridge {table.BridgePlace}, answer {table.AnswerPlace}");
            Console.WriteLine();
        }
    }

    internal static void Print(BridgeHeadsResult found)
    {
        Console.WriteLine($"{found.Pairs} pairs");
        Row(["head", .. found.Measures]);
        Row([.. Enumerable.Repeat("---", found.Measures.Count + 1)]);
        foreach (BridgeHead head in found.Heads.OrderByDescending(h => h.Scores[0]))
            Row([$"{head.Layer}.{head.Head}", .. head.Scores.Select(s =>
                s.ToString("0.000", CultureInfo.InvariantCulture))]);
        Console.WriteLine();
        Row("one", "other", "Spearman", "shared of five");
        Row("---", "---", "---", "---");
        foreach (HeadAgreement pair in found.Agreement)
            Row(pair.One, pair.Other, pair.Spearman.ToString("0.00", CultureInfo.InvariantCulture),
                $"{pair.SharedOfFive}");
    }

    static void Three(string name, string cell, HopOutcome own, HopOutcome other, HopOutcome random)
    {
        foreach ((string memory, HopOutcome outcome) in ((string, HopOutcome)[])
            [("own", own), ("another country's", other), ("random direction", random)])
            Row(memory == "own" ? name : "", memory == "own" ? cell : "", memory,
                $"{outcome.MeanProbability}",
                $"{outcome.Repaired}", $"{outcome.Lost}", $"{outcome.OverOther}");
    }

    static void Row(params string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells)} |");
}
