using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Refuses a row of a file whose prompt or continuation is missing, blank or no text where both are used: the
/// other alone would pass for a whole text.
/// </summary>
public sealed class UnansweredRows
{
    string? _with, _without; // where the first row with a continuation stands, and the first prompt alone

    /// <summary>Checks the next row of the file.</summary>
    /// <exception cref="UserException">Its continuation is empty or no text, or some rows have one and others
    /// have not; the message begins with the place of the row.</exception>
    public void Check(TextRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record.NoText is { } field)
            throw new UserException($"{record.Place}: {Quoted.Name(field)} is no text; expected one, or "
                + $"the right names in {Field.Of("Fields")}");
        if (record.Whole.Length == 0) // no text at all, which each reader treats by its own rule
            return;
        if (record.Continuation is { } continuation)
        {
            RequireText(record.Text, "prompt", record.Place);
            RequireText(continuation, "continuation", record.Place);
        }
        if (record.Continuation is not null)
            _with ??= record.Place;
        else if (record.IsPromptAlone)
            _without ??= record.Place;
        if (_with is not null && _without is not null)
            throw new UserException($"{_without}: has a prompt and no continuation, and other rows have "
                + "one; expected a continuation in every row, or in none");
    }

    static void RequireText(string text, string what, string place)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new UserException($"{place}: the {what} {(text.Length == 0 ? "is empty" : "is blank")}; "
                + "expected text, or no such row");
    }
}
