using System.Text.Json.Serialization;
using HeadTap.Merge;

namespace HeadTap.Jobs;

/// <summary>The task vectors of models.</summary>
/// <param name="Base">Folder of the base model.</param>
/// <param name="Models">The models, A first.</param>
/// <param name="All">Over all numbers.</param>
/// <param name="Tensors">By tensor.</param>
/// <param name="Points">Losses of sums of task vectors; empty without texts.</param>
public sealed record LandscapeVectorsResult(string Base, IReadOnlyList<VectorModel> Models,
    VectorMeasures All, IReadOnlyList<VectorMeasures> Tensors, IReadOnlyList<VectorPoint> Points);

/// <summary>A model and its letter.</summary>
/// <param name="Name">A for the first.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="ModelHash">Its hash.</param>
public sealed record VectorModel(string Name, string Folder, string ModelHash);

/// <summary>How task vectors lie to each other in a tensor, or in all.</summary>
/// <param name="Tensor">Name of the tensor; null for all.</param>
/// <param name="Numbers">Numbers of one task vector.</param>
/// <param name="Norms">Euclidean norm of each task vector.</param>
/// <param name="Cosines">[models][models], -1 to 1; null where a task vector is 0 and has no
/// direction.</param>
/// <param name="SignConflicts">Share of numbers at which task vectors have both signs among those at which at
/// least two are not 0; null if there are none.</param>
/// <param name="PairSignConflicts">[models][models]: the same of two task vectors.</param>
public sealed record VectorMeasures(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Tensor, long Numbers,
    IReadOnlyList<double> Norms, IReadOnlyList<IReadOnlyList<double?>> Cosines, double? SignConflicts,
    IReadOnlyList<IReadOnlyList<double?>> PairSignConflicts)
{
    /// <summary>The measures of a geometry.</summary>
    internal static VectorMeasures Of(string? tensor, VectorGeometry geometry, int models)
    {
        int[] all = [.. Enumerable.Range(0, models)];
        return new VectorMeasures(tensor, geometry.Numbers, [.. all.Select(geometry.Norm)],
            Matrix(geometry.Cosine), geometry.ConflictShare, Matrix(geometry.PairConflictShare));

        IReadOnlyList<IReadOnlyList<double?>> Matrix(Func<int, int, double?> of)
            => [.. all.Select(a => (double?[])[.. all.Select(b => of(a, b))])];
    }
}

/// <summary>The loss of the base with a sum of task vectors added.</summary>
/// <param name="Sum">A + B - C, for one; "0" for the base itself.</param>
/// <param name="Lambda">Factor of the sum.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
public sealed record VectorPoint(string Sum, double Lambda, double Loss, double Accuracy);
