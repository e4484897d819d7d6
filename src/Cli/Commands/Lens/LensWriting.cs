namespace HeadTap.Cli;

/// <summary>Tokens and logits as the lens verbs print them.</summary>
static class LensWriting
{
    /// <summary>A lens' tokens in a row.</summary>
    internal static string List(IEnumerable<LensTokenResult> tokens)
        => string.Join(' ', tokens.Select(t => VisibleText.Of(t.Text)));

    /// <summary>The model's tokens with their probabilities.</summary>
    internal static string List(IEnumerable<ModelTokenResult> tokens)
        => string.Join("  ", tokens.Select(t => $"{VisibleText.Of(t.Text)} {t.P:P1}"));

    /// <summary>A favour with its sign, rounded as the float32 that it is.</summary>
    internal static string Favour(double favour) => $"{(float)favour:+0.00;-0.00;0.00}";
}
