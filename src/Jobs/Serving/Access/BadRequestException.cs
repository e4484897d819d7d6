namespace HeadTap.Jobs;

/// <summary>A request is wrong, and which part of it.</summary>
/// <param name="message">What was found and what was expected, one line.</param>
/// <param name="param">The field of the request: <c>reads[0].site</c>.</param>
/// <param name="code">A word for programs; null for none.</param>
public sealed class BadRequestException(string message, string param, string? code = null)
    : Exception(message)
{
    /// <summary>The field of the request.</summary>
    public string Param { get; } = param;

    /// <summary>A word for programs; null for none.</summary>
    public string? Code { get; } = code;
}
