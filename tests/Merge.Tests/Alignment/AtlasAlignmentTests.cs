using System.Runtime.CompilerServices;
using HeadTap.Models;
using HeadTap.Runtime;
using static HeadTap.Merge.Tests.SmallDecoders;

namespace HeadTap.Merge.Tests;

/// <summary>The proof on a trained model: the shipped atlas, scrambled and aligned with itself.</summary>
public class AtlasAlignmentTests
{
    static string Folder([CallerFilePath] string file = "")
        => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "..", "weights", "atlas"));

    [Test]
    public void A_scrambled_atlas_computes_the_same_and_is_found_again()
    {
        DecoderWeights atlas = DecoderWeights.Read(Folder());
        DecoderWeights moved = DecoderWeights.Of(atlas.Config, Scrambler.Scrambled(atlas, 1).ToFlat());
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Folder());
        int[][] texts = [.. ((string[])
        [
            "The capital of Japan is Tokyo. One neighbour of Indonesia is East Timor.",
            "The demonym of Tajikistan is Tajik. Syria's currency is the Syrian pound.",
            "A country that borders Peru is Chile. The capital of the country whose currency is the yen is "
            + "Tokyo.",
        ]).Select(t => tokenizer.Encode(t))];
        // 1e-4 in logits of size 20: what a second rounding of the weights does.
        Assert.That(Furthest(Logits(atlas), Logits(moved)), Is.LessThan(1e-3));
        ModelAlignment found = ModelAlignment.Of(atlas, moved, AlignmentBy.Weights, new());
        Assert.That(Furthest(atlas, found.Aligned), Is.LessThan(1e-4));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var loss = new TextLoss(device, atlas.Config, texts);
        float[] a = atlas.ToFlat();
        double before = LineLosses.Between(loss, a, moved.ToFlat(), 5).Height;
        double after = LineLosses.Between(loss, a, found.Aligned.ToFlat(), 5).Height;
        TestContext.Out.WriteLine($"{before} before, {after} after");
        Assert.That(before, Is.GreaterThan(1));
        Assert.That(after, Is.LessThan(1e-4));
    }
}
