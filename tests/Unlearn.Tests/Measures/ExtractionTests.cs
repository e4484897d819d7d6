using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class ExtractionTests
{
    [Test]
    public void A_text_is_extracted_when_every_token_of_it_is_written()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device,
            new ModelConfig { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2,
                Heads = 4, Inner = 28 });
        model.Initialize(3);
        int[] prompt = [4, 7, 1];
        int[] written = new Generator(model).Generate(new SequenceBatch([prompt]),
            new GenerationOptions { MaxNewTokens = 4 })[0];
        int[] Wrong(int at) => [.. written.Select((id, i) => i == at ? (id + 1) % 37 : id)];
        Extraction found = Extraction.Measure(model,
            [(prompt, written), (prompt, Wrong(0)), (prompt, Wrong(3)), (prompt, written[..2])]);
        Assert.That(found.Extracted, Is.EqualTo((bool[])[true, false, false, true]));
        Assert.That(found.Share, Is.EqualTo(0.5));
        Assert.That(Extraction.Measure(model, []).Share, Is.Zero);
    }

    [Test]
    public void More_texts_than_one_pass_holds_keep_their_order()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device,
            new ModelConfig { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 1,
                Heads = 4, Inner = 28 });
        model.Initialize(3);
        (int[], int[])[] texts =
            [.. Enumerable.Range(0, 37).Select(v => ((int[])[v, (v + 5) % 37], (int[])[v]))];
        bool[] alone = [.. texts.Select(t => Extraction.Measure(model, [t]).Extracted[0])];
        Assert.That(Extraction.Measure(model, texts).Extracted, Is.EqualTo(alone));
    }
}
