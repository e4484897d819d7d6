using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Checks Jacobian lenses that give directions of tokens to edits and injections.</summary>
static class JacobianDirections
{
    /// <summary>Checks that a lens was fitted on a model, whose weights are run as they are.</summary>
    /// <param name="lens">Folder of the lens.</param>
    /// <param name="model">Folder of the model.</param>
    /// <param name="config">Config of the model.</param>
    /// <param name="processed">Whether the weights are rewritten as TransformerLens does.</param>
    /// <exception cref="UserException">The lens belongs to another model, is of another kind, or the weights
    /// are rewritten.</exception>
    internal static void Require(string lens, string model, ModelConfig config, bool processed)
    {
        LensMetadata facts = LensFolder.ReadFacts(lens);
        if (facts.Lens.Kind != LensKind.Jacobian)
            throw new UserException($"{Quoted.Path(lens)}: its kind is {LensText.Word(facts.Lens.Kind)}; "
                + "expected a Jacobian lens");
        LensFolder.RequireFor(lens, facts, config, ModelFolder.Hash(model));
        if (processed)
            throw new UserException($"{Quoted.Path(lens)}: a Jacobian lens belongs to the raw weights, and "
                + "this call rewrites them as TransformerLens does; expected the raw weights");
    }

    /// <summary>Checks the lens of the encoder jacobian at every layer that receives a memory.</summary>
    /// <param name="lens">Folder of the lens; null for none.</param>
    /// <param name="encoders">Encoders of the call.</param>
    /// <param name="data">Folder and config of the model, and whether its weights are rewritten.</param>
    /// <param name="layers">Layers that receive memories.</param>
    /// <param name="target">Site that receives them.</param>
    /// <exception cref="UserException">The lens is missing, not asked for, or does not fit.</exception>
    internal static void Require(string? lens, IEnumerable<MemoryEncoder> encoders,
        (string Model, ModelConfig Config, bool Processed) data, IEnumerable<int> layers, SiteKind target)
    {
        bool needed = encoders.Contains(MemoryEncoder.Jacobian);
        if (needed != lens is not null)
            throw new UserException(needed
                ? $"the encoder jacobian needs {Field.Of(nameof(GridRequest.Lens))}, a folder of a Jacobian "
                    + "lens"
                : $"{Field.Of(nameof(GridRequest.Lens))} belongs to {Field.Of(nameof(GridRequest.Encoder))} "
                    + "jacobian; leave it out");
        if (lens is null)
            return;
        Require(lens, data.Model, data.Config, data.Processed);
        foreach (int layer in layers)
            new Memory([0], layer, 1f)
            {
                Encoder = MemoryEncoder.Jacobian, Lens = lens, Target = target,
            }.ToEdit().Validate(data.Config);
    }
}
