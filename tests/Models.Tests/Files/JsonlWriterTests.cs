using System.Text.Json.Nodes;

namespace HeadTap.Models.Tests;

/// <summary>Rows survive a crash whole; a job that resumes continues where its checkpoint was.</summary>
sealed class JsonlWriterTests
{
    static void Write(JsonlWriter writer, params int[] steps)
    {
        foreach (int step in steps)
            writer.Write(new { Step = step, TrainLoss = step * 0.5f });
    }

    static readonly string ThreeRows =
        string.Concat(Enumerable.Range(1, 3).Select(i =>
            $$"""{"step":{{i}},"train_loss":{{i * 0.5}}}""" + "\n"));

    [Test]
    public void Each_row_is_on_disk_when_write_returns()
    {
        using var folder = new TemporaryFolder();
        using var writer = JsonlWriter.Create(folder["a/m.jsonl"]);
        Write(writer, 1, 2, 3);
        using var reader = new StreamReader(
            new FileStream(folder["a/m.jsonl"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        Assert.That(reader.ReadToEnd(), Is.EqualTo(ThreeRows));
        Assert.That(writer.Rows, Is.EqualTo(3));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("""{"step":4,"train_l""")]
    [TestCase("""{"step":4,"train_loss":2}""")]
    public void A_row_cut_short_is_removed_on_resuming(string half)
    {
        using var folder = new TemporaryFolder();
        folder.Write("m.jsonl", ThreeRows + half);
        using (var writer = JsonlWriter.Append(folder["m.jsonl"]))
        {
            Assert.That(writer.Rows, Is.EqualTo(3));
            writer.Write(new JsonObject { ["Step"] = 4 });
        }
        Assert.That(File.ReadAllText(folder["m.jsonl"]), Is.EqualTo(ThreeRows + """{"Step":4}""" + "\n"));
    }

    [TestCase(0, 0)]
    [TestCase(2, 2)]
    [TestCase(3, 3)]
    [TestCase(9, 3)]
    public void Rows_after_the_checkpoint_are_removed(int keep, int kept)
    {
        using var folder = new TemporaryFolder();
        folder.Write("m.jsonl", ThreeRows);
        using (var writer = JsonlWriter.Append(folder["m.jsonl"], keep))
        {
            Assert.That(writer.Rows, Is.EqualTo(kept));
            Write(writer, [.. Enumerable.Range(kept + 1, 3 - kept)]);
        }
        Assert.That(File.ReadAllText(folder["m.jsonl"]), Is.EqualTo(ThreeRows));
    }

    [Test]
    public void Rows_longer_than_the_buffer_are_counted_and_kept()
    {
        using var folder = new TemporaryFolder();
        string text = string.Concat(Enumerable.Repeat("\"" + new string('x', 70_000) + "\"\n", 5));
        folder.Write("m.jsonl", text + "\"y");
        using (var writer = JsonlWriter.Append(folder["m.jsonl"], 4))
            Assert.That(writer.Rows, Is.EqualTo(4));
        Assert.That(File.ReadAllText(folder["m.jsonl"]), Is.EqualTo(text[..(4 * 70_003)]));
    }

    [Test]
    public void A_new_file_replaces_the_old_one_and_a_diverged_loss_is_written()
    {
        using var folder = new TemporaryFolder();
        folder.Write("m.jsonl", ThreeRows);
        using (var writer = JsonlWriter.Create(folder["m.jsonl"]))
            writer.Write(new { Loss = float.NaN });
        Assert.That(File.ReadAllText(folder["m.jsonl"]), Is.EqualTo("""{"loss":"NaN"}""" + "\n"));
    }

    [Test]
    public void A_place_that_cannot_be_written_is_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("file", "");
        BadInput.Refused(() => JsonlWriter.Append(folder["file/m.jsonl"]), "file/m.jsonl");
        BadInput.Refused(() => JsonlWriter.Append(folder.Path), folder.Path);
    }
}
