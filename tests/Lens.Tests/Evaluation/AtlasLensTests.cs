using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>weights/atlas/lens says what the shipped lens does.</summary>
public class AtlasLensTests
{
    [Test]
    public void The_recorded_divergences_come_out_again_and_are_below_the_logit_lens_in_every_layer()
    {
        string folder = Path.Combine(Atlas(), "lens"), hash = ModelFolder.Hash(Atlas());
        LensMetadata facts = LensFolder.ReadFacts(folder);
        JsonNode training = facts.Training!;
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, Atlas());
        var options = new LensTrainingOptions
        {
            Steps = 1,
            BatchRows = (int)training["batch_rows"]!,
            Positions = PositionChoice.Parse((string)training["positions"]!),
        };
        DocumentSource texts = DocumentSource.FromTexts(new AtlasCorpus(AtlasFacts.Shipped, 1).Documents,
            ByteBpeTokenizer.Load(Atlas()), "atlas");
        (DocumentSource train, DocumentSource held) = texts.Split(0.05, (ulong)training["seed"]!);
        Assert.That(train.Hash, Is.EqualTo((string)training["texts"]!));
        var rows = new RowOptions(model.Config.ContextLength, (int)training["bos"]!);
        using LensSet lens = LensFolder.Load(model, hash, folder, null,
            options.BatchRows * model.Config.ContextLength);
        using var trainer = new LensTrainer(lens, options, new DocumentRows(train, model.Config, rows, 0));
        int limit = (int)training["validation_rows"]!;
        IReadOnlyList<double> learned = trainer.Evaluate(new(held, model.Config, rows, 0), limit),
            untrained = trainer.EvaluateLogitLens(new(held, model.Config, rows, 0), limit);
        Assert.That(facts.Layers, Is.EqualTo(Enumerable.Range(0, model.Config.Layers)));
        for (int l = 0; l < learned.Count; l++)
        {
            // vector widths differ in a logit's last bits, which moves a mean of 10,000 by far less
            Assert.That(learned[l], Is.EqualTo(facts.ValidationKl![l]!.Value).Within(1e-5));
            Assert.That(untrained[l], Is.EqualTo(facts.LogitLensKl![l]!.Value).Within(1e-4));
            Assert.That(learned[l], Is.LessThan(untrained[l]));
        }
    }

    static string Atlas([CallerFilePath] string file = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "..", "weights", "atlas"));
}
