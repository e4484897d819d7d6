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
}
