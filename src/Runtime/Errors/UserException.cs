namespace HeadTap.Runtime;

/// <summary>
/// The user's input is wrong. The command line prints <see cref="Exception.Message"/> as one line and
/// exits with 2, so the message says what was found, what was expected and what to do about it.
/// </summary>
public sealed class UserException : Exception
{
    /// <summary>An error with its one-line message.</summary>
    public UserException(string message) : base(message) { }

    /// <summary>An error with its one-line message and what caused it.</summary>
    public UserException(string message, Exception inner) : base(message, inner) { }
}
