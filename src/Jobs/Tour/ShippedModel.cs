using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The small model of the atlas that lies beside the program.</summary>
public static class ShippedModel
{
    /// <summary>The seed of the corpus that it was trained on, as weights/atlas/train.json says.</summary>
    public const ulong CorpusSeed = 1;

    /// <summary>
    /// Its folder: beside the program, or where a program of one file unpacked itself.
    /// </summary>
    /// <exception cref="UserException">It is not there.</exception>
    public static string Folder()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "weights", "atlas");
        return File.Exists(Path.Combine(folder, "config.json")) ? folder : throw new UserException(
            $"{folder}: the shipped model is not there; build again from a whole checkout, or name "
            + "one with Model", nameof(TourOptions.Model));
    }
}
