namespace HeadTap.Serve;

/// <summary>What an option of a verb takes.</summary>
public enum JobOptionKind
{
    /// <summary>Nothing; it is there or not.</summary>
    Flag,

    /// <summary>A text or a number.</summary>
    Value,

    /// <summary>The path of a file or folder that is read.</summary>
    Reads,

    /// <summary>The path of a file or folder that is written.</summary>
    Writes,
}

/// <summary>An option of a verb.</summary>
/// <param name="Name">Name with its dashes.</param>
/// <param name="Kind">What it takes.</param>
/// <param name="IsMany">Whether it may be given several times.</param>
/// <param name="IsRequired">Whether it must be given.</param>
/// <param name="HasCommas">Whether one value may be several paths with commas between them.</param>
/// <param name="Help">What it means.</param>
public sealed record JobOption(
    string Name, JobOptionKind Kind, bool IsMany, bool IsRequired, bool HasCommas, string Help);

/// <summary>A verb that jobs may run.</summary>
/// <param name="Name">Its words, such as <c>lens train</c>.</param>
/// <param name="Help">What it does.</param>
/// <param name="Options">The options that jobs may give.</param>
public sealed record JobVerb(string Name, string Help, IReadOnlyList<JobOption> Options);

/// <summary>The verbs of the program, told by the program itself so that there is no second list.</summary>
public interface IJobVerbs
{
    /// <summary>The verbs that jobs may run.</summary>
    IReadOnlyList<JobVerb> All { get; }

    /// <summary>Checks arguments as the program would before it starts.</summary>
    /// <param name="arguments">Verb and options.</param>
    /// <returns>Every path that the verb would touch, those that files name in their turn too.</returns>
    /// <exception cref="Runtime.UserException">The program would refuse them.</exception>
    IReadOnlyList<string> Check(IReadOnlyList<string> arguments);
}
