using System.Runtime.CompilerServices;

namespace HeadTap.Runtime.Tests;

/// <summary>The shipped model answers as its README says.</summary>
public class AtlasWeightsTests
{
    static readonly string s_folder =
        Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "weights", "atlas");

    [Test]
    public void The_shipped_model_answers_as_recorded()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using Gpt2Model model = Gpt2Model.Load(device, s_folder);
        AtlasEvaluation found = AtlasEvaluation.Run(
            model, Gpt2Tokenizer.Load(s_folder), new AtlasCorpus(AtlasFacts.Shipped, seed: 1));
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
        Assert.That(manifest.ModelHash, Is.EqualTo(Gpt2Folder.Hash(s_folder)));
        TrainingConfig config = TrainingConfig.Read(Path.Combine(s_folder, "train.json"));
        Assert.That(manifest.Options.ToJsonString(), Is.EqualTo(config.ToJson().ToJsonString()));
        Assert.That(manifest.DataHash, Is.EqualTo(TrainingTexts.Load(config).Train.Hash));
    }

    [Test]
    public void The_folder_stays_small() => Assert.That(
        Directory.EnumerateFiles(s_folder).Sum(file => new FileInfo(file).Length), Is.LessThan(12_000_000));

    static string ThisFile([CallerFilePath] string path = "") => path;
}
