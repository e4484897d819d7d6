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

    /// <summary>The word for a lens that was made for the model's parent.</summary>
    internal const string Parents = "parent";

    const string ChildWeights = "child_weights";

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
        if (lensOf is not (Self or Parents))
            throw new UserException($"{Field.Of(nameof(LensPlaceRequest.LensOf))} is {Quoted.Name(lensOf)}; "
                + $"expected {Self} or {Parents}");
        if (lens == LensSource.Logit && lensOf == Parents)
            throw new UserException($"the logit lens belongs to no model; leave "
                + $"{Field.Of(nameof(LensPlaceRequest.LensOf))} out");
        if (lens == LensSource.Logit)
            return LensSource.Find(lens, config, modelHash);
        if (lensOf == Parents)
        {
            (string? parent, string? why) = ParentHash(folder, modelHash);
            return LensSource.Find(lens, config, parent ?? throw new UserException(
                $"{Quoted.Path(folder)}: {why}; leave {Field.Of(nameof(LensPlaceRequest.LensOf))} out, or "
                + "make the folder anew with unlearn run or unlearn apply"));
        }
        string madeFor = LensFolder.ReadFacts(lens).ModelHash;
        if (madeFor != modelHash && madeFor == ParentHash(folder, modelHash).Parent)
            throw new UserException($"{Quoted.Path(lens)}: the lens was made for the model that "
                + $"{Quoted.Path(folder)} was made from; {Field.Of(nameof(LensPlaceRequest.LensOf))} "
                + $"{Parents} reads the child with it");
        return LensSource.Find(lens, config, modelHash);
    }

    /// <summary>Whether a lens was made for the model that a folder's manifest proves to be its
    /// parent.</summary>
    internal static bool IsParents(string lens, string folder)
    {
        if (lens == LensSource.Logit)
            return false;
        (string madeFor, string own) = (LensFolder.ReadFacts(lens).ModelHash, ModelFolder.Hash(folder));
        return madeFor != own && madeFor == ParentHash(folder, own).Parent;
    }

    /// <summary>Writes into the options of a child's manifest what proves later that it is this
    /// child.</summary>
    /// <param name="options">Options of the manifest.</param>
    /// <param name="folder">Folder of the child, with its weights and config.</param>
    internal static void Record(JsonObject options, string folder)
        => (options[ChildHash], options[ChildWeights])
            = (ModelFolder.Hash(folder), ModelFolder.WeightsHash(folder));

    // The hash of the parent, or in words why nothing proves it.
    static (string? Parent, string? Why) ParentHash(string folder, string modelHash)
    {
        string path = Manifest.PathFor(folder);
        if (!File.Exists(path))
            return (null, "has no manifest.json, which names the model that a child was made from");
        Manifest manifest = Manifest.Read(path);
        if (manifest.ModelHash is not { } parent || Text(manifest, ChildHash) is not { } child)
            return (null, "its manifest.json names no model that this one was made from");
        if (child == modelHash)
            return (parent, null);
        // Weights or a config that were exchanged after the manifest was written have another hash. That of
        // the weights alone is the child's where its config had the usual values.
        string weights = ModelFolder.WeightsHash(folder);
        string? then = Text(manifest, ChildWeights);
        string changed = weights == (then ?? child) ? "its config.json is not the one"
            : then is null ? "its weights or its config.json are not those" : "its weights are not those";
        return (null, $"{changed} that its manifest.json was written for");
    }

    static string? Text(Manifest manifest, string option)
        => manifest.Options[option] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
