using System.Diagnostics;
using System.IO.Pipes;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class InputFileTests
{
    [Test, Platform("Linux")]
    public void A_pipe_is_refused_in_one_line()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.Inheritable);
        string path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
        Assert.That(() => TextDocuments.ReadLines(path), Throws.TypeOf<UserException>()
            .With.Message.EqualTo($"{path}: is a pipe; expected a file, so write it to one."));
    }

    [Test, Platform("Linux,MacOsX"), CancelAfter(20_000)]
    public void A_pipe_without_a_writer_and_a_device_are_refused_before_they_are_opened()
    {
        using var folder = new TemporaryFolder();
        string pipe = folder["pipe"], link = folder["link"];
        using (Process made = Process.Start("mkfifo", pipe))
            made.WaitForExit();
        File.CreateSymbolicLink(link, pipe);
        BadInput.Refused(() => InputFile.Open(pipe), pipe, "is a pipe");
        BadInput.Refused(() => InputFile.Open(link), link, "is a pipe");
        BadInput.Refused(() => InputFile.Open("/dev/zero"), "/dev/zero", "is a device");
        Assert.That(ForeignFile.Name(pipe), Is.Null);
        folder.Write("empty", "");
        Assert.That(InputFile.ReadAll(folder["empty"], 1), Is.Empty);
        folder.Write("one", "1");
        Assert.That(InputFile.ReadAll(folder["one"], 1), Is.EqualTo("1"u8.ToArray()));
    }

    [TestCase("")]
    [TestCase("a\0b")]
    public void A_name_that_no_file_has_is_refused_in_one_line(string name)
        => BadInput.Refused(() => InputFile.Open(name));

    [Test]
    public void An_output_without_a_name_is_refused_in_one_line()
    {
        BadInput.Refused(() => AtomicFile.WriteText("", "x"), "empty");
        BadInput.Refused(() => RunLock.Take("", "run.lock"), "empty");
        BadInput.Refused(() => ModelFolder.ReadConfig(""), "empty");
    }

    [Test]
    public void One_place_is_one_path_however_it_is_named()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a/b"]);
        File.CreateSymbolicLink(folder["up"], "a");
        File.CreateSymbolicLink(folder["a/b/round"], "../../up/b");
        File.CreateSymbolicLink(folder["loop"], "loop");
        string place = RealPath.Of(folder["a/b/new.txt"]);
        Assert.That(RealPath.Of(folder["up/b/new.txt"]), Is.EqualTo(place));
        Assert.That(RealPath.Of(folder["up/b/round/round/new.txt"]), Is.EqualTo(place));
        Assert.That(RealPath.Of(folder["a/b"] + "/"), Is.EqualTo(Path.GetDirectoryName(place)));
        Assert.That(RealPath.Of(folder["loop/x"]), Does.EndWith("x"));
    }
}
