using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The effect of one kind of memory on pairs of prompts.</summary>
/// <param name="Name">Kind of memory.</param>
/// <param name="MeanProbability">Mean probability of the answer, 0 to 1.</param>
/// <param name="ShareFirst">Share of answers that are the most probable token.</param>
/// <param name="Repaired">Number of pairs whose answer became the most probable token.</param>
/// <param name="Lost">Number of pairs whose answer was the most probable token and no longer is.</param>
/// <param name="HoldsAnswer">Share of memories that contain the answer's token.</param>
public sealed record LensMemoryOutcome([property: JsonPropertyName("memory")] string Name,
    [property: JsonPropertyName("mean_p")] double MeanProbability,
    [property: JsonPropertyName("rank_1")] double ShareFirst, int Repaired, int Lost, double HoldsAnswer);

/// <summary>
/// Injects memories from a lens into pairs of prompts, and for comparison memories from another head or from
/// no lens. The comparison matters because any memory that contains the answer raises its probability.
/// </summary>
/// <param name="model">Model without attached edits.</param>
/// <param name="pairs">Pairs of prompts.</param>
/// <param name="readings">Readings of their single-hop prompts through the lens.</param>
sealed class LensMemoryTrial(LanguageModel model, IReadOnlyList<EncodedPair> pairs, LensReadings readings)
{
    /// <summary>Number of tokens of a memory.</summary>
    internal required int Count { get; init; }

    /// <summary>The magnitude tau of memories.</summary>
    internal required float Tau { get; init; }

    /// <summary>
    /// The layer that receives memories, from 0; null for the layer of each pair's favourite head.
    /// </summary>
    internal required int? Layer { get; init; }

    /// <summary>The positions that receive memories.</summary>
    internal required EditPositions Positions { get; init; }

    /// <summary>The seed that draws other heads.</summary>
    internal required ulong Seed { get; init; }

    /// <summary>Injects memories of every kind and measures their effects.</summary>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    internal IReadOnlyList<LensMemoryOutcome> Run(Action<double>? progress = null)
    {
        var random = new SeededRandom(Seed);
        int[] all = [.. Enumerable.Range(0, pairs.Count)];
        LensMemory[] favourite =
            [.. all.Select(i => LensMemory.OfFavourite(readings, i, Count, withoutNext: false))];
        int Next(int i) => readings.Model[i][0].Id;
        (string Name, IReadOnlyList<int>[] Memories)[] kinds =
        [
            ("the favourite head's words", [.. favourite.Select(m => m.Tokens)]),
            ("another head's words",
                Each(i => LensMemory.OfAnother(readings, i, Count, false, random).Tokens)),
            ("the same without the next token",
                Each(i => LensMemory.OfFavourite(readings, i, Count, withoutNext: true).Tokens)),
            ("another head's without it",
                Each(i => LensMemory.OfAnother(readings, i, Count, true, random).Tokens)),
            ("the model's own next tokens", Each(i => [.. readings.Model[i].Take(Count).Select(t => t.Id)])),
            ("its next token alone", Each(i => [Next(i)])),
            ("the entity between the hops", Each(i => pairs[i].Memory)),
        ];
        var rows = new RowInjections(model, pairs) { Positions = _ => Positions };
        AnswerStanding[] before = rows.Before(p => p.Obscure);
        var after = new AnswerStanding[kinds.Length, pairs.Count];
        int[] layers = [.. favourite.Select(m => Layer ?? m.Layer)];
        int[] distinct = [.. layers.Distinct().Order()];
        for (int l = 0; l < distinct.Length; l++)
        {
            AnswerStanding?[][] found = rows.After(distinct[l], kinds.Length,
                (pair, kind) => layers[pair] == distinct[l] ? Vector(kinds[kind].Memories[pair]) : null);
            foreach (int pair in all.Where(i => layers[i] == distinct[l]))
                for (int k = 0; k < kinds.Length; k++)
                    after[k, pair] = found[k][pair]!;
            progress?.Invoke((l + 1.0) / distinct.Length);
        }
        return [Outcome("nothing", before, [.. all.Select(_ => (IReadOnlyList<int>)[])]),
            .. kinds.Select((kind, k)
                => Outcome(kind.Name, [.. all.Select(i => after[k, i])], kind.Memories))];

        IReadOnlyList<int>[] Each(Func<int, IReadOnlyList<int>> memory) => [.. all.Select(memory)];

        LensMemoryOutcome Outcome(string name, AnswerStanding[] now, IReadOnlyList<int>[] memories) => new(
            name, now.Average(a => a.Probability), (double)now.Count(a => a.Rank == 1) / now.Length,
            all.Count(i => before[i].Rank > 1 && now[i].Rank == 1),
            all.Count(i => before[i].Rank == 1 && now[i].Rank > 1),
            (double)all.Count(i => memories[i].Contains(pairs[i].Answer)) / pairs.Count);
    }

    float[] Vector(IReadOnlyList<int> tokens)
        => Array.ConvertAll(new Memory(tokens, 0, 1f).Vector(model), v => Tau * v);
}
