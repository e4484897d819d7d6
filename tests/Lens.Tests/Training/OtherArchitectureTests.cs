using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Lenses ask for roles: on another architecture with the same numbers they read the same
/// bits.</summary>
public sealed class OtherArchitectureTests
{
    [TestCase(LensKind.Head), TestCase(LensKind.Thin), TestCase(LensKind.Residual), TestCase(LensKind.Tuned)]
    public void A_lens_trains_on_another_architecture_as_on_GPT2(LensKind kind)
        => Assert.That(Trained(kind, OtherArchitecture.Value), Is.EqualTo(Trained(kind, Gpt2.Architecture)));

    [Test]
    public void Direct_logits_are_the_same()
        => Assert.That(Direct(OtherArchitecture.Value), Is.EqualTo(Direct(Gpt2.Architecture)));

    static TestModel Model(Architecture architecture)
        => new("cpu512", TestModel.Small with { TiedHead = false, Architecture = architecture });

    static float[][] Trained(LensKind kind, Architecture architecture)
    {
        using TestModel test = Model(architecture);
        using LensSet lens = LensSet.Initial(test.Model, new() { Kind = kind }, [1], 4);
        int[][] documents = [.. Enumerable.Range(0, 6).Select(d => test.Tokens(d, 5 + d))];
        using var trainer = new LensTrainer(lens,
            new() { Steps = 2, BatchRows = 2, Positions = PositionChoice.Sample(1), Seed = 5 },
            new DocumentRows(DocumentSource.FromIds(documents, "documents"), test.Model.Config,
                new RowOptions(12), 1));
        trainer.Next();
        trainer.Next();
        return [.. lens[1].Parameters.Select(p => p.Value.ToArray())];
    }

    static float[] Direct(Architecture architecture)
    {
        using TestModel test = Model(architecture);
        DirectLogitAttribution read = DirectLogitAttribution.Read(test.Model, test.Tokens(3, 8));
        return [.. from layer in Enumerable.Range(0, 2)
                   from head in Enumerable.Range(0, 4)
                   select read.Toward(layer, head, 11)];
    }
}
