using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>One feed-forward weight matrix, the place where weight-level methods edit.</summary>
/// <param name="Layer">l, as a number: the reference matches layers by substring and edits wrong
/// ones.</param>
/// <param name="Name">As in the checkpoint.</param>
/// <param name="Weight">In: [C, I], out: [I, C].</param>
public sealed record MlpMatrix(int Layer, string Name, Tensor Weight)
{
    /// <summary>Both matrices of every layer, in checkpoint order.</summary>
    public static IReadOnlyList<MlpMatrix> Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. Enumerable.Range(0, model.Config.Layers).SelectMany(l => (MlpMatrix[])
        [
            new(l, $"h.{l}.mlp.c_fc.weight", model.Weights.Layers[l].FcWeight),
            new(l, $"h.{l}.mlp.c_proj.weight", model.Weights.Layers[l].OutWeight),
        ])];
    }

    /// <summary>Matrices and biases of every layer, by name, in checkpoint order: what the reference code's
    /// Durable, greedy and second-order methods edit.</summary>
    internal static IReadOnlyList<string> WithBiases(LanguageModel model)
        => [.. Of(model).SelectMany(m => (string[])[m.Name, m.Name.Replace(".weight", ".bias",
            StringComparison.Ordinal)])];

    /// <summary>Their names.</summary>
    public static IReadOnlySet<string> Names(LanguageModel model) => Of(model).Select(m => m.Name).ToHashSet();
}
