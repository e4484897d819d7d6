namespace HeadTap.Merge;

/// <summary>
/// Two orthonormal directions in the span of models, as shares of the models' differences from one of them,
/// and where each model lies. Lengths are Euclidean, in weight space.
/// </summary>
/// <param name="First">[models]: the first direction is
/// <c>sum_i First[i] (theta_i - theta_origin)</c>.</param>
/// <param name="Second">[models]: the second direction.</param>
/// <param name="Places">[models]: coordinates of each model, projected to the plane; the origin's are
/// 0.</param>
/// <param name="Explained">Shares of the models' variance that lie along the two directions; null where
/// nobody asks.</param>
public sealed record PlaneBasis(double[] First, double[] Second, (double X, double Y)[] Places,
    (double First, double Second)? Explained = null);
