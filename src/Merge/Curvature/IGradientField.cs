namespace HeadTap.Merge;

/// <summary>A loss around a point theta, known by its gradient.</summary>
public interface IGradientField
{
    /// <summary>Numbers of the point.</summary>
    int Length { get; }

    /// <summary>The Euclidean norm of the point; steps are measured by it.</summary>
    double Norm { get; }

    /// <summary>Writes the gradient at <c>theta + step direction</c>.</summary>
    /// <param name="direction">[n]</param>
    /// <param name="step">0 for the gradient at the point.</param>
    /// <param name="gradient">[n], written.</param>
    void Gradient(float[] direction, double step, float[] gradient);
}
