using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Finds a lens for a model, or for an edited or unlearned child of the model it was made for.
/// </summary>
static class LensOwner
{
    /// <summary>The word for a lens that was made for the model itself.</summary>
    internal const string Self = "model";

    /// <summary>The option of a child's manifest that holds the child's own hash.</summary>
    internal const string ChildHash = "child_hash";

    const string Parent = "parent";

    /// <summary>Finds a lens and checks that it was made for the model, or for its parent.</summary>
    /// <param name="lens">Folder of a lens, or logit.</param>
    /// <param name="lensOf"><see cref="Self"/>, or parent: then the manifest in the model's folder must name
    /// the hash of the model that the lens was made for, and this model's own.</param>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="config">Config of the model.</param>
    /// <param name="modelHash">Hash of the model.</param>
    /// <exception cref="UserException">The lens is missing, damaged or made for another model.</exception>
    internal static LensSource Find(
        string lens, string lensOf, string folder, ModelConfig config, string modelHash)
    {
        if (lensOf is not (Self or Parent))
            throw new UserException($"{Field.Of(nameof(LensPlaceRequest.LensOf))} is {Quoted.Name(lensOf)}; "
                + $"expected {Self} or {Parent}");
        if (lens == LensSource.Logit)
            return LensSource.Find(lens, config, modelHash);
        if (lensOf == Parent)
            return LensSource.Find(lens, config, ParentHash(folder, modelHash) ?? throw new UserException(
                $"{Quoted.Path(folder)}: its manifest.json does not prove a model that these weights and "
                + "this config were made from, as unlearn run and unlearn apply write it; leave "
                + $"{Field.Of(nameof(LensPlaceRequest.LensOf))} out, or make the folder anew"));
        string madeFor = LensFolder.ReadFacts(lens).ModelHash;
        if (madeFor != modelHash && madeFor == ParentHash(folder, modelHash))
            throw new UserException($"{Quoted.Path(lens)}: the lens was made for the model that "
                + $"{Quoted.Path(folder)} was made from; {Field.Of(nameof(LensPlaceRequest.LensOf))} "
                + $"{Parent} reads the child with it");
        return LensSource.Find(lens, config, modelHash);
    }

    // Weights or a config that were exchanged after the manifest was written have another hash.
    static string? ParentHash(string folder, string modelHash)
    {
        string path = Manifest.PathFor(folder);
        if (!File.Exists(path))
            return null;
        Manifest manifest = Manifest.Read(path);
        return manifest.Options[ChildHash] is JsonValue child && child.TryGetValue(out string? hash)
            && hash == modelHash ? manifest.ModelHash : null;
    }
}
