namespace HeadTap.Cli;

/// <summary>Formats tokens and logits for the lens verbs.</summary>
static class LensWriting
{
    /// <summary>Returns the tokens of a lens, with spaces between them.</summary>
    internal static string List(IEnumerable<LensTokenResult> tokens)
        => string.Join(' ', tokens.Select(t => VisibleText.Of(t.Text)));

    /// <summary>Returns the model's tokens with their probabilities.</summary>
    internal static string List(IEnumerable<ModelTokenResult> tokens)
        => string.Join("  ", tokens.Select(t => $"{VisibleText.Of(t.Text)} {t.P:P1}"));

    /// <summary>Returns a favour with its sign. The value is a float32 and is rounded as one.</summary>
    internal static string Favour(double favour) => $"{(float)favour:+0.00;-0.00;0.00}";

    /// <summary>Returns a correlation with its sign; none where one of the two sides does not vary.</summary>
    internal static string Correlation(double of) => double.IsNaN(of) ? "none" : Favour(of);

    /// <summary>Returns a change of log p with its sign.</summary>
    internal static string Effect(double effect) => $"{effect:+0.000;-0.000;0.000}";
}
