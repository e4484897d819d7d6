using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Jobs;
using HeadTap.Models;
using HeadTap.Runtime;
using static HeadTap.Inject.Tests.AtlasFolder;

namespace HeadTap.Inject.Tests;

/// <summary>weights/atlas/injection*.json say what the shipped model does.</summary>
public sealed class AtlasResultTests
{
    [TestCase("injection.json")]
    [TestCase("injection-unembed.json")]
    public void The_recorded_cell_comes_out_again(string file)
    {
        string path = System.IO.Path.Combine(AtlasFolder.Path, file);
        JsonNode recorded = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.That(Manifest.Read(path + ".manifest.json").ModelHash,
            Is.EqualTo(ModelFolder.Hash(AtlasFolder.Path)), "of the weights that lie beside it");
        EncodedPair[] pairs =
        [
            .. AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, 1), 0).Where(p => p.Split == "test")
                .Select(p => EncodedPair.Of(p, Tokenizer, Config, Config.BosToken, p.Obscure)),
        ];
        Assert.That(pairs, Has.Length.EqualTo((int)recorded["measured_on"]!));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, AtlasFolder.Path);
        var grid = new SweepGrid
        {
            Layers = [(int)recorded["layer"]!], Taus = [(float)recorded["tau"]!],
            Encoders = [Enum.Parse<MemoryEncoder>((string)recorded["encoder"]!, ignoreCase: true)],
            Positions = [Enum.Parse<MemoryPositions>((string)recorded["position"]!, ignoreCase: true)],
        };
        using var sweep = new InjectionSweep(model, grid, pairs.Max(p => p.Obscure.Length));
        SweptPair[] swept = [.. pairs.Select(p => sweep.Run(p))];
        double[] before = [.. swept.Select(s => s.Obscure.Probability)],
            after = [.. swept.Select(s => s.Cells[0]!.Probability)];
        JsonNode own = recorded["memories"]![0]!;
        // vector widths differ in the last bits of a logit, which moves a mean of 326 by far less
        Assert.That(before.Average(), Is.EqualTo((double)recorded["p_before"]!).Within(1e-6));
        Assert.That(after.Average(), Is.EqualTo((double)own["p_after"]![0]!).Within(1e-6));
        Assert.That(MedianGain.Of(before, after),
            Is.EqualTo((double)own["median_percent"]![0]!).Within(0.01));
        Assert.That(swept.Count(s => s.Obscure.Rank > 1 && s.Cells[0]!.Rank == 1),
            Is.EqualTo((double)own["repaired"]!));
    }
}
