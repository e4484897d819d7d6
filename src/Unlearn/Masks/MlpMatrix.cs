using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A feed-forward weight matrix, which the weight-level methods edit.</summary>
/// <param name="Layer">Index of the layer. (The reference matches layers by substring and edits wrong
/// ones.)</param>
/// <param name="Role">Role of the matrix: into the feed-forward block or out of it.</param>
/// <param name="Name">Name of the parameter in checkpoints.</param>
/// <param name="Weight">Values; [C, I] into the block, [I, C] out of it.</param>
public sealed record MlpMatrix(int Layer, Role Role, string Name, Tensor Weight)
{
    /// <summary>Returns both matrices of every layer, in checkpoint order.</summary>
    public static IReadOnlyList<MlpMatrix> Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.Parameters.InBlocks([Role.MlpInWeight, Role.MlpOutWeight])
            .Select(s => new MlpMatrix(s.Layer, s.Role, s.Name, model.Set[s.Name]))];
    }

    /// <summary>
    /// Returns the names of the matrices and biases of every layer, in checkpoint order. The reference code's
    /// Durable, Greedy and Second-order methods edit them.
    /// </summary>
    internal static IReadOnlyList<string> WithBiases(LanguageModel model)
        => [.. model.Parameters.InBlocks(Roles.Mlp).Select(s => s.Name)];

    /// <summary>Returns the names of both matrices of every layer.</summary>
    public static IReadOnlySet<string> Names(LanguageModel model)
        => Of(model).Select(m => m.Name).ToHashSet();
}
