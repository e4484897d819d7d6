namespace HeadTap.Runtime;

/// <summary>
/// The user's input is wrong. The command line prints <see cref="Exception.Message"/> as one line and
/// exits with 2, so the message says what was found, what was expected and what to do about it.
/// </summary>
/// <remarks>
/// A message names an option as its field in the options record is called, by <see cref="Field.Of"/>:
/// "Taus is 0". <see cref="Written"/> writes each such name as the users of a program know it.
/// </remarks>
public sealed class UserException : Exception
{
    readonly string _marked;

    /// <summary>An error with its one-line message.</summary>
    public UserException(string message) : base(Field.Plain(message)) => _marked = message;

    /// <summary>An error with its one-line message and what caused it.</summary>
    public UserException(string message, Exception inner) : base(Field.Plain(message), inner)
        => _marked = message;

    /// <summary>The message with the names of fields as a program's users know them.</summary>
    /// <param name="naming">Returns the user's name of a field.</param>
    public string Written(Func<string, string> naming) => Field.Written(_marked, naming);
}
