namespace HeadTap.Runtime;

/// <summary>
/// The user's input is wrong. The command line prints <see cref="Exception.Message"/> as one line and
/// exits with 2, so the message says what was found, what was expected and what to do about it.
/// </summary>
/// <remarks>
/// A message names an option as its field in the options record is called: "Taus is 0". It lists these names
/// in <see cref="Options"/>, and a program writes each as its users know it: the command line as --taus.
/// </remarks>
public sealed class UserException : Exception
{
    /// <summary>An error with its one-line message.</summary>
    public UserException(string message) : base(message) { }

    /// <summary>An error with its one-line message and what caused it.</summary>
    public UserException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An error whose message names fields of an options record.</summary>
    /// <param name="message">One line.</param>
    /// <param name="options">The names of fields in the message, each a whole word of it.</param>
    public UserException(string message, params string[] options) : base(message) => Options = options;

    /// <summary>An error whose message names fields of an options record, and what caused it.</summary>
    /// <param name="message">One line.</param>
    /// <param name="inner">The cause.</param>
    /// <param name="options">The names of fields in the message, each a whole word of it.</param>
    public UserException(string message, Exception inner, params string[] options) : base(message, inner)
        => Options = options;

    /// <summary>Names in the message that are fields of an options record.</summary>
    public IReadOnlyList<string> Options { get; } = [];
}
