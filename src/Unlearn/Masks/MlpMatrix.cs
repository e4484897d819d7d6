using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>One feed-forward weight matrix, the place where weight-level methods edit.</summary>
/// <param name="Layer">l, as a number: the reference matches layers by substring and edits wrong
/// ones.</param>
/// <param name="Role">Into the feed-forward block or out of it.</param>
/// <param name="Name">The parameter's name in checkpoints.</param>
/// <param name="Weight">In: [C, I], out: [I, C].</param>
public sealed record MlpMatrix(int Layer, Role Role, string Name, Tensor Weight)
{
    /// <summary>Both matrices of every layer, in checkpoint order.</summary>
    public static IReadOnlyList<MlpMatrix> Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.Parameters.InBlocks([Role.MlpInWeight, Role.MlpOutWeight])
            .Select(s => new MlpMatrix(s.Layer, s.Role, s.Name, model.Set[s.Name]))];
    }

    /// <summary>Matrices and biases of every layer, by name, in checkpoint order: what the reference code's
    /// Durable, greedy and second-order methods edit.</summary>
    internal static IReadOnlyList<string> WithBiases(LanguageModel model)
        => [.. model.Parameters.InBlocks(Roles.Mlp).Select(s => s.Name)];

    /// <summary>Their names.</summary>
    public static IReadOnlySet<string> Names(LanguageModel model)
        => Of(model).Select(m => m.Name).ToHashSet();
}
