using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// Standard output or standard error. A full disk or a closed descriptor under standard output is the user's
/// error; what standard error cannot take is lost, because no other place is left to say so. A pipe whose
/// reader has gone, as <c>head</c> leaves it, is no error: the runtime drops what is written to it.
/// </summary>
/// <param name="open">Opens the stream; called when something is written.</param>
/// <param name="isResult">Whether it takes results, and not remarks.</param>
sealed class StandardStream(Func<TextWriter> open, bool isResult) : TextWriter
{
    readonly Lazy<TextWriter> _inner = new(open);

    /// <inheritdoc/>
    public override Encoding Encoding => _inner.Value.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Try(() => _inner.Value.Write(value));

    /// <inheritdoc/>
    public override void Write(string? value) => Try(() => _inner.Value.Write(value));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count)
        => Try(() => _inner.Value.Write(buffer, index, count));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(() => _inner.Value.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush() => Try(() => _inner.Value.Flush());

    void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            if (isResult)
                throw new UserException("standard output cannot be written "
                    + $"({Quoted.Line(e.Message)}); expected a file or pipe that takes the results", e);
        }
    }
}
