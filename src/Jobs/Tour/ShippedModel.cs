using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The small atlas model that is shipped with the program.</summary>
public static class ShippedModel
{
    /// <summary>The seed of its training corpus, as in weights/atlas/train.json.</summary>
    public const ulong CorpusSeed = 1;

    /// <summary>
    /// Returns its folder: beside the program, or where a single-file program unpacked itself.
    /// </summary>
    /// <exception cref="UserException">The folder does not exist.</exception>
    public static string Folder()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "weights", "atlas");
        return File.Exists(Path.Combine(folder, "config.json")) ? folder : throw new UserException(
            $"{folder}: the shipped model is not there; build again from a whole checkout, or name one with "
            + $"{Field.Of(nameof(TourOptions.Model))}");
    }
}
