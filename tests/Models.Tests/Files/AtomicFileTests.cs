using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>A write happens whole or not at all, and leaves nothing beside it.</summary>
sealed class AtomicFileTests
{
    [Test]
    public void Writes_a_new_file_and_its_folders()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder["a/b/c.txt"], "é");
        Assert.That(File.ReadAllBytes(folder["a/b/c.txt"]), Is.EqualTo(Encoding.UTF8.GetBytes("é")));
        Assert.That(folder.Files(), Is.EqualTo(new[] { Path.Combine("a", "b", "c.txt") }));
    }

    [Test]
    public void A_failing_writer_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x", "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[1 << 20]);
            throw new InvalidOperationException();
        }));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(folder.Files(), Is.EqualTo(new[] { "x" }));
    }

    [Test]
    public void The_old_file_is_whole_while_the_new_one_is_written()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x", "old");
        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        });
        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
    }

    [Test]
    public void What_a_killed_process_left_is_overwritten()
    {
        using var folder = new TemporaryFolder();
        folder.Write("x.tmp", "half of something much longer");
        AtomicFile.WriteText(folder["x"], "new");
        Assert.That(File.ReadAllText(folder["x"]), Is.EqualTo("new"));
        Assert.That(folder.Files(), Is.EqualTo(new[] { "x" }));
    }

    [Test]
    public void A_second_writer_is_refused_and_the_first_one_finishes()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.Write(folder["x"], stream =>
        {
            stream.Write("first"u8);
            BadInput.Refused(() => AtomicFile.WriteText(folder["x"], "second"), folder["x"]);
        });
        Assert.That(File.ReadAllText(folder["x"]), Is.EqualTo("first"));
    }

    [Test]
    public void A_folder_of_that_name_is_refused()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => AtomicFile.WriteText(folder.Path, "x"), folder.Path);
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void A_file_where_a_folder_should_be_is_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("file", "");
        BadInput.Refused(() => AtomicFile.WriteText(folder["file/x"], "x"), folder["file/x"]);
    }

    [Test]
    public void A_full_disk_is_refused_by_name()
    {
        if (!File.Exists("/dev/full"))
            Assert.Ignore("needs /dev/full, which Linux has");
        BadInput.Refused(() => AtomicFile.WriteText("/dev/full", "x"), "/dev/full");
    }

    [Test]
    public void A_device_is_written_and_stays_a_device()
    {
        if (!File.Exists("/dev/null"))
            Assert.Ignore("needs /dev/null");
        AtomicFile.WriteText("/dev/null", "x");
        Assert.That(File.ReadAllText("/dev/null"), Is.Empty);
    }

    [Test]
    public void A_link_still_points_at_the_file_it_names()
    {
        if (OperatingSystem.IsWindows())
            Assert.Ignore("Windows makes links for administrators only");
        using var folder = new TemporaryFolder();
        folder.Write("real", "old");
        File.CreateSymbolicLink(folder["link"], folder["real"]);
        AtomicFile.WriteText(folder["link"], "new");
        Assert.That(File.ReadAllText(folder["real"]), Is.EqualTo("new"));
        Assert.That(new FileInfo(folder["link"]).LinkTarget, Is.EqualTo(folder["real"]));
    }
}
