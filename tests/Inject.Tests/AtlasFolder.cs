using System.Runtime.CompilerServices;
using HeadTap.Models;

namespace HeadTap.Inject.Tests;

/// <summary>The atlas model of the repository.</summary>
static class AtlasFolder
{
    internal static string Path { get; } = System.IO.Path.GetFullPath(
        System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Here())!, "..", "..", "weights", "atlas"));

    internal static ByteBpeTokenizer Tokenizer { get; } = ByteBpeTokenizer.Load(Path);

    internal static ModelConfig Config { get; } = ModelFolder.ReadConfig(Path);

    static string Here([CallerFilePath] string file = "") => file;
}
