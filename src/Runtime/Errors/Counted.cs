namespace HeadTap.Runtime;

/// <summary>Numbers of things in messages and results: "1 token is", "2 tokens are".</summary>
public static class Counted
{
    /// <summary>A number and its noun, which has an s unless the number is 1.</summary>
    /// <param name="count">How many.</param>
    /// <param name="noun">What one is called, <c>token</c> for one.</param>
    public static string Of(long count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>The verb after such a number.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">After one, <c>is</c> for one.</param>
    /// <param name="many">After any other number.</param>
    public static string Verb(long count, string one, string many) => count == 1 ? one : many;
}
