using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class SweepFolderTests
{
    static readonly SweepGrid Grid = new() { Layers = [0, 1], Taus = [1f, 2.5f], Top = 2 };

    static readonly EncodedPair Pair = new(
        new("a \"b\"", "ö", "c", "d") { Split = "test" }, [1], [2], [3, 4], 17, 0..0);

    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-sweep").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void What_was_added_is_read_back()
    {
        using (SweepFolder folder = Open("a"))
        {
            folder.Add(Pair, Swept(1));
            folder.Add(Pair, Swept(2));
        }
        using SweepFolder again = Open("a");
        Assert.That(again.Done, Is.EqualTo(2));
        (SweptPrompt prompt, IReadOnlyList<SweptCell> cells) = again.Read().Last();
        Assert.Multiple(() =>
        {
            Assert.That((prompt.Prompt, prompt.Explicit, prompt.Obscure, prompt.Split, prompt.AnswerId),
                Is.EqualTo((1, "a \"b\"", "ö", "test", 17)));
            Assert.That((prompt.PExplicit, prompt.RankExplicit, prompt.PObscure, prompt.RankObscure),
                Is.EqualTo((0.5, 2, 1.0 / 3, 2)));
            Assert.That(prompt.MemoryIds, Is.EqualTo((int[])[3, 4]));
            Assert.That(cells.Select(c => (c.Layer, c.Tau)),
                Is.EqualTo(((int, float)[])[(0, 1f), (0, 2.5f), (1, 1f), (1, 2.5f)]));
            Assert.That(cells[1], Has.Property("PAfter").Null.And.Property("Top").Null);
            Assert.That(cells[3].PAfter, Is.EqualTo(1.0 / 9));
            Assert.That(cells[3].Top, Is.EqualTo((int[])[5, 6]));
        });
    }

    /// <summary>A kill may fall between any two writes, and within one.</summary>
    [TestCase(0, 9, Description = "the prompt's row is cut")]
    [TestCase(0, 4000, Description = "the prompt's row is missing")]
    [TestCase(9, 4000, Description = "its last cell is cut")]
    [TestCase(150, 4000, Description = "cells are missing")]
    [TestCase(4000, 4000, Description = "nothing of it was written")]
    public void A_killed_sweep_goes_on_to_the_same_bytes(int fewerCells, int fewerPrompts)
    {
        foreach (string name in (string[])["whole", "killed"])
            using (SweepFolder folder = Open(name))
                for (int i = 1; i <= 2; i++)
                    folder.Add(Pair, Swept(i));
        long cells = new FileInfo(At("killed", "cells.jsonl")).Length,
            prompts = new FileInfo(At("killed", "prompts.jsonl")).Length;
        foreach (string name in (string[])["whole", "killed"])
            using (SweepFolder folder = Open(name))
                folder.Add(Pair, Swept(3));
        Shorten("cells.jsonl", fewerCells, cells);
        Shorten("prompts.jsonl", fewerPrompts, prompts);
        using (SweepFolder folder = Open("killed"))
        {
            Assert.That(folder.Done, Is.EqualTo(2));
            folder.Add(Pair, Swept(3));
        }
        foreach (string file in (string[])["cells.jsonl", "prompts.jsonl", "manifest.json"])
            Assert.That(File.ReadAllBytes(At("killed", file)),
                Is.EqualTo(File.ReadAllBytes(At("whole", file))), file);

        void Shorten(string file, int bytes, long atLeast)
        {
            using FileStream stream = File.OpenWrite(At("killed", file));
            stream.SetLength(Math.Max(stream.Length - bytes, atLeast));
        }
    }

    [Test]
    public void Another_sweep_or_strange_files_are_refused()
    {
        Open("a").Dispose();
        Refused("a", Made with { Command = "train" }, "command is \"inject sweep\" in its manifest.json");
        SweepFolder.Open(At("a"), Grid, Made with { DataHash = "2" }).Dispose(); // nothing was done yet
        using (SweepFolder folder = SweepFolder.Open(At("a"), Grid, Made))
            folder.Add(Pair, Swept(1));
        Assert.Multiple(() =>
        {
            Refused("a", Made with { DataHash = "2" },
                "data_hash is \"1\" in its manifest.json and \"2\" here");
            Refused("a", Made with { ModelHash = "2" }, "model_hash is \"1\"");
            Refused("a", Made with { Device = "opencl" },
                "device is \"cpu\" in its manifest.json and \"opencl\" here");
            Refused("a", Made with { Options = new() { ["layers"] = 3 } }, "layers is none in its");
            Refused("a", Made with { Command = "train" }, "command is \"inject sweep\"");
        });
        Directory.CreateDirectory(At("b"));
        File.WriteAllText(At("b", "thesis.txt"), "");
        Refused("b", Made, "holds files, and no manifest.json of a sweep");
    }

    [TestCase(null)]
    [TestCase("manifest.json.tmp")]
    [TestCase("manifest.json")]
    public void A_sweep_killed_before_its_manifest_is_whole_starts(string? torn)
    {
        Directory.CreateDirectory(At("a"));
        File.WriteAllText(At("a", "run.lock"), "");
        if (torn is not null)
            File.WriteAllText(At("a", torn), "{ \"comm");
        using (SweepFolder folder = Open("a"))
        {
            folder.Add(Pair, Swept(1));
            Assert.That(() => Open("a"), Throws.TypeOf<UserException>()
                .With.Message.Contains("another process works in it"));
        }
        Assert.That(Manifest.Read(At("a", "manifest.json")).Command, Is.EqualTo("inject sweep"));
        Assert.That(Directory.GetFiles(At("a")), Has.Length.EqualTo(3));
    }

    [TestCase("{\"prompt\":0}", "line 1: damaged")]
    [TestCase("[1", "line 1: damaged")]
    [TestCase("null", "line 1: no row")]
    public void Damaged_rows_are_told_with_their_place(string row, string message)
    {
        using SweepFolder folder = Open("a");
        folder.Add(Pair, Swept(1));
        using (var writer = new StreamWriter(File.Open(At("a", "prompts.jsonl"), FileMode.Create,
            FileAccess.Write, FileShare.ReadWrite)))
            writer.Write(row + "\n");
        Assert.That(() => folder.Read().ToArray(),
            Throws.TypeOf<UserException>().With.Message.Contains(message));
    }

    static Manifest Made => new()
    {
        Command = "inject sweep", ModelHash = "1", DataHash = "1", Device = "cpu",
    };

    SweepFolder Open(string name) => SweepFolder.Open(At(name), Grid, Made);

    void Refused(string name, Manifest manifest, string message) => Assert.That(
        () => SweepFolder.Open(At(name), Grid, manifest),
        Throws.TypeOf<UserException>().With.Message.Contains(message));

    string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    static SweptPair Swept(int n)
    {
        AnswerStanding Standing(double p) => new(p, 2, -Math.Log(p), [new(5, 0.4), new(6, 0.2)]);
        return new(Standing(1.0 / n), Standing(1.0 / (n + 1)),
            [Standing(0.25), null, Standing(1e-200), Standing(1.0 / 9)]);
    }
}
