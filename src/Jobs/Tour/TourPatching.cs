using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The tour's patch: two questions about the capitals of two countries, and what z of each head of the first
/// run does in the second.
/// </summary>
/// <param name="Clean">Question whose values are taken.</param>
/// <param name="Corrupt">Question whose run is patched.</param>
/// <param name="Answer">Right answer of the first, with the space before it.</param>
/// <param name="Wrong">Right answer of the second.</param>
/// <param name="Before">Logit of <paramref name="Answer"/> minus that of <paramref name="Wrong"/> in the
/// second run, first tokens.</param>
/// <param name="After">The same in the first run.</param>
/// <param name="Heads">Heads by layer and head.</param>
public sealed record TourPatching(string Clean, string Corrupt, string Answer, string Wrong, double Before,
    double After, IReadOnlyList<TourPatchedHead> Heads)
{
    const int Shown = 3;

    /// <summary>Patches every head; null if no two such questions are answered right.</summary>
    /// <exception cref="UserException">A pass does not fit the device.</exception>
    internal static TourPatching? Find(LanguageModel model, TourQuestions questions)
    {
        TourQuestion clean = questions.ForLens;
        TourQuestion? corrupt = questions.OneHop.FirstOrDefault(q => q.Ask.Target == clean.Ask.Target
            && q.Score.Greedy && q.Tokens.Length == clean.Tokens.Length && q.Answer[0] != clean.Answer[0]);
        if (!clean.Score.Greedy || corrupt is null)
            return null;
        var grid = new PatchGrid
        {
            Kind = SiteKind.Z, Axis = PatchAxis.Head, Layers = [.. Enumerable.Range(0, model.Config.Layers)],
        };
        using var sweep = new PatchSweep(model, grid, clean.Tokens.Length);
        PatchedPair found = sweep.Run(
            PatchContrast.Of(new ContrastPair(clean.Tokens, corrupt.Tokens, clean.Answer[0],
                corrupt.Answer[0])),
            new AnswerMetric(MetricKind.LogitDifference, clean.Answer[0], corrupt.Answer[0]));
        return new TourPatching(clean.Ask.Prompt, corrupt.Ask.Prompt, clean.Ask.Answer, corrupt.Ask.Answer,
            found.Corrupt, found.Clean, [.. found.Cells.Zip(found.Values, (cell, value)
                => new TourPatchedHead(cell.Layer, cell.Head!.Value,
                    (value - found.Corrupt) / (found.Clean - found.Corrupt)))]);
    }

    /// <summary>What was patched, and the heads that move the answer most, in three lines.</summary>
    public IReadOnlyList<string> Lines() =>
    [
        $"\"{Corrupt}\" with one head's values from \"{Clean}\"",
        $"logit of{Answer} minus that of{Wrong}: {Before:+0.0;-0.0} in the first run, {After:+0.0;-0.0} in "
            + "the second",
        "of the way from one to the other: " + string.Join(", ", Heads.OrderByDescending(h => h.Share)
            .Take(Shown).Select(h => $"head {h.Layer}.{h.Head} {h.Share:P0}")),
    ];
}

/// <summary>One head of the tour's patch.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="Share">Share of the way from <see cref="TourPatching.Before"/> to
/// <see cref="TourPatching.After"/>.</param>
public sealed record TourPatchedHead(int Layer, int Head, double Share);
