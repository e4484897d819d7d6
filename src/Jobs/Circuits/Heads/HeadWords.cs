using HeadTap.Circuits;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The words of heads by a lens, at the places where they write most.</summary>
static class HeadWords
{
    /// <summary>Reads every head at its examples.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">The lens; it reads heads.</param>
    /// <param name="survey">Examples of each head.</param>
    /// <param name="top">Number of words of an example.</param>
    /// <param name="context">Told the progress.</param>
    /// <returns>[L H][examples]; null for heads of layers that the lens does not have.</returns>
    internal static IReadOnlyList<IReadOnlyList<LensWords>?> Read(
        LanguageModel model, LensSource source, HeadSurvey survey, int top, JobContext context)
    {
        int H = model.Config.Heads;
        var found = new IReadOnlyList<LensWords>?[survey.Examples.Count];
        int rows = survey.Examples.Max(e => e.Count);
        int longest = survey.Examples.Max(e => e.Max(x => x.Position + 1));
        foreach ((int done, int layer) in source.Layers.Index())
        {
            using LensSet lens = source.Load(model, [layer], LensReader.PositionsAtOnce(model.Config));
            using var at = new LensActivations(model, [layer], [source.Options.Kind], rows, longest, rows);
            for (int h = 0; h < H; h++)
            {
                found[layer * H + h] = Read(lens[layer], at, h, survey.Examples[layer * H + h], top);
                context.Report("reading", (done + (h + 1.0) / H) / source.Layers.Count);
            }
        }
        return found;
    }

    /// <summary>The words that most examples have; of these the ones that come higher, then the lower
    /// id.</summary>
    internal static IReadOnlyList<HeadWord> Most(IReadOnlyList<LensWords> examples, int count, LensText text)
        => [.. examples.SelectMany(words => words.Top.Select((t, place) => (t.Id, place)))
            .GroupBy(w => w.Id).OrderByDescending(g => g.Count()).ThenBy(g => g.Sum(w => w.place))
            .ThenBy(g => g.Key).Take(count).Select(g => new HeadWord(g.Key, text.Of(g.Key), g.Count()))];

    static IReadOnlyList<LensWords> Read(
        LayerLens lens, LensActivations at, int head, IReadOnlyList<HeadExample> examples, int top)
    {
        at.Clear();
        var rows = new SequenceBatch([.. examples.Select(
            e => (IReadOnlyList<int>)[.. e.Tokens.Take(e.Position + 1)])]);
        at.Add(rows, [.. rows.Lengths.Select((length, b) => b * rows.T + length - 1)]);
        int[] own = [.. examples.Select(e => e.Tokens[e.Position])];
        return LensReader.Layer(lens, at, [head], own, top).Heads[0].Words;
    }
}
