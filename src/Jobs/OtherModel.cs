using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A second model beside the first one: its edited, merged or unlearned child, or its
/// parent.</summary>
static class OtherModel
{
    /// <summary>Checks, before any weight is read, that two models can be compared part by part.</summary>
    /// <param name="folder">Folder of the first model.</param>
    /// <param name="config">Config of the first model.</param>
    /// <param name="other">Folder of the second model.</param>
    /// <returns>Config of the second model.</returns>
    /// <exception cref="UserException">The second folder is no model, or its shape or its tokens are
    /// others.</exception>
    internal static ModelConfig Require(string folder, ModelConfig config, string other)
    {
        ModelConfig own = ModelFolder.ReadConfig(other);
        if (own.VocabSize != config.VocabSize || own.Layers != config.Layers || own.Heads != config.Heads
            || own.Width != config.Width)
            throw new UserException($"{Quoted.Path(other)} has {own.Layers} layers of {own.Heads} heads, "
                + $"width {own.Width} and vocabulary {own.VocabSize}; the first model has {config.Layers} of "
                + $"{config.Heads}, {config.Width} and {config.VocabSize}: expected two of one shape");
        OneVocabulary.Require([folder, other], "can stand side by side");
        return own;
    }

    /// <summary>The name of a model beside another one: its folder's.</summary>
    internal static string NameOf(string folder)
        => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    /// <summary>
    /// Whose lens the second model is read with: its own, or its parent's where its manifest proves that one.
    /// </summary>
    /// <param name="lens">Folder of a lens, or logit.</param>
    /// <param name="other">Folder of the second model.</param>
    internal static string LensOf(string lens, string other)
        => LensOwner.IsParents(lens, other) ? LensOwner.Parents : LensOwner.Self;
}
