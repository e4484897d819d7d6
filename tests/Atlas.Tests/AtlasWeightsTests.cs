using System.Runtime.CompilerServices;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas.Tests;

/// <summary>The shipped model answers as its README says.</summary>
public class AtlasWeightsTests
{
    static readonly string s_folder =
        Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "weights", "atlas");

    [Test]
    public void The_shipped_model_answers_as_recorded()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, s_folder);
        AtlasEvaluation found = AtlasEvaluation.Run(
            model, ByteBpeTokenizer.Load(s_folder), new AtlasCorpus(AtlasFacts.Shipped, seed: 1));
        TestContext.Out.WriteLine(found.Describe());
        Assert.That(found[AtlasPromptKind.OneHop].Share, Is.GreaterThanOrEqualTo(0.95));
        Assert.That(found[AtlasPromptKind.TwoHopTrained].Share, Is.GreaterThanOrEqualTo(0.95));
        Assert.That(found[AtlasPromptKind.TwoHopHeldOut].Share, Is.LessThan(0.6));
        Assert.That(found[AtlasPromptKind.TwoHopHeldOut, AtlasRelation.Capital].Share, Is.LessThan(0.3));
        Assert.That(found[AtlasPromptKind.Secret].Share, Is.GreaterThanOrEqualTo(0.9));
    }

    [Test]
    public void The_manifest_belongs_to_the_weights_and_the_config()
    {
        Manifest manifest = Manifest.Read(Path.Combine(s_folder, "manifest.json"));
        Assert.That(manifest.ModelHash, Is.EqualTo(ModelFolder.Hash(s_folder)));
        TrainingConfig config = TrainingConfig.Read(Path.Combine(s_folder, "train.json"));
        Assert.That(manifest.Options.ToJsonString(), Is.EqualTo(config.ToJson().ToJsonString()));
        Assert.That(manifest.DataHash, Is.EqualTo(
            TrainingTexts.Load(config, AtlasCorpus.ShippedDocuments).Train.Hash));
    }

    /// <summary>
    /// Rounding differs between vector widths; 1e-6 is what ten steps make of it, and far below any change.
    /// </summary>
    [Test]
    public void The_first_steps_of_a_new_run_are_those_recorded()
    {
        string folder = Directory.CreateTempSubdirectory("headtap-atlas-").FullName;
        try
        {
            using ComputeDevice device = ComputeDevice.OpenHost();
            using var stop = new CancellationTokenSource();
            (double Loss, double Norm)[] recorded =
                [.. ReadSteps(Path.Combine(s_folder, "first-steps.jsonl"))];
            TrainingRun.Run(device, TrainingConfig.Read(Path.Combine(s_folder, "train.json")), folder, new()
            {
                Stop = stop.Token,
                Atlas = AtlasCorpus.ShippedDocuments,
                Progress = progress =>
                {
                    if (progress.Last.Step == recorded.Length)
                        stop.Cancel();
                },
            });
            (double Loss, double Norm)[] found =
                [.. ReadSteps(Path.Combine(folder, TrainingRun.MetricsFile))];
            Assert.That(found, Has.Length.EqualTo(recorded.Length));
            foreach (((double Loss, double Norm) now, (double Loss, double Norm) then) in found.Zip(recorded))
            {
                Assert.That(Math.Abs(now.Loss - then.Loss) <= 1e-6 * then.Loss, Is.True,
                    $"{now} against {then}");
                Assert.That(Math.Abs(now.Norm - then.Norm) <= 1e-4 * then.Norm, Is.True,
                    $"{now} against {then}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static IEnumerable<(double Loss, double Norm)> ReadSteps(string file) =>
        from line in File.ReadLines(file)
        let row = JsonDocument.Parse(line).RootElement
        select (row.GetProperty("loss").GetDouble(), row.GetProperty("gradient_norm").GetDouble());

    [Test]
    public void The_folder_stays_small() => Assert.That(
        Directory.EnumerateFiles(s_folder).Sum(file => new FileInfo(file).Length), Is.LessThan(12_000_000));

    static string ThisFile([CallerFilePath] string path = "") => path;
}
