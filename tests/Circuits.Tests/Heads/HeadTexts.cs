using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Circuits.Tests;

/// <summary>A model and windows of several lengths for the tests of heads.</summary>
static class HeadTexts
{
    internal static readonly ModelConfig Config = new()
    {
        VocabSize = 23, ContextLength = 14, Width = 35, Layers = 3, Heads = 5, Inner = 22,
    };

    /// <summary>Windows in which tokens come again, also next to each other.</summary>
    internal static readonly int[][] Windows =
    [
        [3, 7, 3, 7, 7, 11, 3, 7, 2], [5, 1], [4, 9, 16, 2, 9, 16, 4, 4, 4, 0, 22, 9, 16, 1], [8, 2, 6],
        [12, 13, 12, 13, 14, 12],
    ];

    internal static TestModel Model() => new("cpu512", Config);

    /// <summary>What a site is in one window alone.</summary>
    internal static float[] Record(LanguageModel model, int[] window, Site site)
    {
        using var session = new ModelSession(
            model, new SessionOptions { MaxTokens = window.Length, Record = [site] });
        session.Forward(new SequenceBatch([window]));
        return session.Recordings[site].ToArray();
    }
}
