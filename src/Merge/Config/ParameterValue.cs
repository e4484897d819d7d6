namespace HeadTap.Merge;

/// <summary>
/// The value of a parameter for every tensor: one number, or numbers spread over the layers, for tensors
/// whose names contain a text.
/// </summary>
/// <param name="Choices">The first whose filter is null or occurs in a tensor's name holds for it.</param>
public sealed record ParameterValue(IReadOnlyList<ParameterChoice> Choices)
{
    /// <summary>One number for all tensors.</summary>
    public static ParameterValue Of(double value) => new([new ParameterChoice(null, [value])]);

    /// <summary>Whether it is the same number for all tensors.</summary>
    public bool IsOneNumber => Choices is [{ Filter: null, Gradient.Count: 1 }];

    /// <summary>The value for a tensor; null where no filter fits.</summary>
    /// <param name="tensor">The tensor's name.</param>
    /// <param name="depth">The tensor's layer over the last layer: 0 for the first and for embeddings, 1 for
    /// the last and for what follows the layers.</param>
    public double? For(string tensor, double depth)
        => Choices.FirstOrDefault(c => c.Filter is null
            || tensor.Contains(c.Filter, StringComparison.Ordinal))?.At(depth);
}

/// <summary>Numbers for the tensors that a filter lets pass.</summary>
/// <param name="Filter">A part of a tensor's name; null for all.</param>
/// <param name="Gradient">One number, or several at equal distances over the layers.</param>
public sealed record ParameterChoice(string? Filter, IReadOnlyList<double> Gradient)
{
    /// <summary>The number at a depth, between neighbours by a straight line.</summary>
    internal double At(double depth)
    {
        double place = depth * (Gradient.Count - 1);
        int left = Math.Min((int)place, Math.Max(0, Gradient.Count - 2));
        double share = place - left;
        return share == 0 ? Gradient[left] : (1 - share) * Gradient[left] + share * Gradient[left + 1];
    }
}
