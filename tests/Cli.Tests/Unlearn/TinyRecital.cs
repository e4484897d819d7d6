using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>Sequences that the tiny model recites, because it wrote them itself.</summary>
static class TinyRecital
{
    internal const int Prompt = 3, Continuation = 5;

    internal static readonly string[] Asked =
        ["--prompt", $"{Prompt}", "--continuation", $"{Continuation}"];

    /// <summary>Greedy continuations of prompts; every third has its last token changed.</summary>
    internal static IReadOnlyList<PlantedSequence> Sequences(int count, bool spoilt = true)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        int V = TinyModel.Config.VocabSize;
        int[][] prompts = [.. Enumerable.Range(0, count).Select(i =>
            (int[])[7 * i % V, (11 * i + 3) % V, (5 * i + 40) % V])];
        IReadOnlyList<int[]> written = new Generator(model).Generate(new SequenceBatch([.. prompts]),
            new GenerationOptions { MaxNewTokens = Continuation });
        return [.. prompts.Select((p, i) =>
        {
            int[] ids = [.. p, .. written[i]];
            if (spoilt && i % 3 == 2)
                ids[^1] = (ids[^1] + 1) % V;
            return new PlantedSequence(ids, Group: i % 2);
        })];
    }

    /// <summary>Writes them to a file.</summary>
    internal static string Write(TemporaryFolder folder, string name, IEnumerable<PlantedSequence> sequences)
    {
        SequenceFile.Write(folder[name], sequences);
        return folder[name];
    }

    /// <summary>Rows that have nothing to do with them.</summary>
    internal static IEnumerable<PlantedSequence> Others(int count, int seed = 1)
    {
        var random = new SeededRandom((ulong)seed);
        return Enumerable.Range(0, count).Select(i => new PlantedSequence([.. Enumerable.Range(0, 6 + i % 5)
            .Select(_ => random.Next(TinyModel.Config.VocabSize))])).ToArray();
    }
}
