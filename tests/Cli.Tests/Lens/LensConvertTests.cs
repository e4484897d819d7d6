using System.Text.Json.Nodes;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>lens convert.</summary>
public sealed class LensConvertTests
{
    [Test]
    public void A_converted_lens_reads_the_same_and_says_what_it_is()
    {
        using var folder = new TemporaryFolder();
        string head = TinyLenses.Write(folder, "head", new() { Kind = LensKind.Head }, [1]);
        JsonNode made = Headtap.Done("lens", "convert", "--model", TinyModel.Folder, "--lens", head, "--to",
            "thin", "--out", folder["thin"], "--json").Json;
        Assert.That((int)made["layers"]!, Is.EqualTo(1));
        JsonNode Read(string lens) => Headtap.Done("lens", "read", "--model", TinyModel.Folder,
            "--ids", "5,6,7", "--lens", lens, "--top", "3", "--json").Json;
        JsonNode own = Read(head), other = Read(folder["thin"]);
        Assert.That((string)other["lens"]!, Is.EqualTo("thin"));
        for (int h = 0; h < 4; h++)
            for (int k = 0; k < 3; k++)
                Assert.That((double)other["heads"]![h]!["top"]![k]!["logit"]!,
                    Is.EqualTo((double)own["heads"]![h]!["top"]![k]!["logit"]!).Within(1e-5));
        Assert.That(Headtap.Refused("lens", "convert", "--model", TinyModel.Folder, "--lens", head,
            "--to", "thin", "--out", folder["thin"]), Does.Contain("a lens is there already"));
        Assert.That(Headtap.Refused("lens", "convert", "--model", TinyModel.Folder, "--lens", head,
            "--to", "head", "--out", folder["same"]), Does.Contain("kind"));
        Assert.That(Headtap.Refused("lens", "convert", "--model", TinyModel.Folder, "--lens", head, "--to",
            "tuned", "--out", folder["same"]), Does.Contain("expected head or thin"));
        Assert.That(Directory.Exists(folder["same"]), Is.False);
    }
}
