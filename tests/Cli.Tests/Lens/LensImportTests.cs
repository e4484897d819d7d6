using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>lens import.</summary>
public sealed class LensImportTests
{
    [TestCase("layer_translators."), TestCase("")]
    public void An_imported_lens_reads_as_the_one_it_came_from(string prefix)
    {
        using var folder = new TemporaryFolder();
        string own = TinyLenses.Write(folder, "own", new() { Kind = LensKind.Tuned }, [0, 1]);
        Write(own, folder["params.safetensors"], prefix, [0, 1]);
        Headtap.Done("lens", "import", "--model", TinyModel.Folder,
            "--tuned", folder["params.safetensors"], "--out", folder["imported"]);
        string Read(string lens) => Headtap.Done("lens", "read", "--model", TinyModel.Folder,
            "--ids", "5,6,7", "--lens", lens, "--json").Json["layers"]!.ToJsonString();
        Assert.That(Read(folder["imported"]), Is.EqualTo(Read(own)));
        Assert.That(Headtap.Refused("lens", "import", "--model", TinyModel.Folder, "--tuned",
            folder["params.safetensors"], "--out", folder["imported"]), Does.Contain("already"));
    }

    [Test]
    public void Missing_layers_and_other_sizes_are_one_line()
    {
        using var folder = new TemporaryFolder();
        string own = TinyLenses.Write(folder, "own", new() { Kind = LensKind.Tuned }, [0, 1]);
        string Refused(string prefix, int[] layers, int width = 20)
        {
            Write(own, folder["params.safetensors"], prefix, layers, width);
            return Headtap.Refused("lens", "import", "--model", TinyModel.Folder, "--tuned",
                folder["params.safetensors"], "--out", folder["imported"]);
        }
        Assert.That(Refused("", [0]), Does.Contain("no 1.weight"));
        Assert.That(Refused("", [0, 1, 2]), Does.Contain("translator for layer 2"));
        Assert.That(Refused("layer_translators.", [0, 1], 10), Does.Contain("[10, 20]; expected [20, 20]"));
        Assert.That(Directory.Exists(folder["imported"]), Is.False);
    }

    static void Write(string lens, string path, string prefix, int[] layers, int width = 20)
    {
        using SafetensorsReader reader = SafetensorsReader.Open(Path.Combine(lens, LensFolder.WeightsFile));
        var writer = new SafetensorsWriter();
        foreach (int layer in layers)
        {
            float[] weight = new float[400], bias = new float[20];
            reader.Read($"layers.{layer % 2}.weight", weight);
            reader.Read($"layers.{layer % 2}.bias", bias);
            writer.Add($"{prefix}{layer}.weight", [width, 20], weight.AsMemory(0, width * 20));
            writer.Add($"{prefix}{layer}.bias", [20], bias);
        }
        writer.Save(path);
    }
}
