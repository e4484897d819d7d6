using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace HeadTap.OpCases;

/// <summary>A number of bytes or operations, and the expression it was computed from.</summary>
/// <param name="Value">The number for one shape.</param>
/// <param name="Text">The expression in the letters of docs/notation.md: <c>8·rows·C</c>.</param>
public readonly partial record struct Cost(double Value, string Text)
{
    /// <summary>Nothing is counted.</summary>
    public static Cost None { get; } = new(0, "–");

    /// <summary>Takes the value and the source text of the expression over a shape <c>s</c>.</summary>
    public static Cost Of(double value, [CallerArgumentExpression(nameof(value))] string source = "")
    {
        string text = Blanks().Replace(source, " ");
        text = Sizes().Replace(text, m => m.Value is "s.Rows" or "s.Keys" or "s.Pairs" or "s.Count"
            ? char.ToLowerInvariant(m.Value[2]) + m.Value[3..] : m.Value[2..]);
        text = WholeNumbers().Replace(text, "$1").Replace(" * ", "·", StringComparison.Ordinal);
        return new(value, text);
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"\bs\.\w+")]
    private static partial Regex Sizes();

    [GeneratedRegex(@"\b(\d+)\.0\b")]
    private static partial Regex WholeNumbers();
}
