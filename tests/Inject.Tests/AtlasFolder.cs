using System.Runtime.CompilerServices;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>The atlas model of the repository.</summary>
static class AtlasFolder
{
    internal static string Path { get; } = System.IO.Path.GetFullPath(
        System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Here())!, "..", "..", "weights", "atlas"));

    internal static Gpt2Tokenizer Tokenizer { get; } = Gpt2Tokenizer.Load(Path);

    internal static Gpt2Config Config { get; } = Gpt2Folder.ReadConfig(Path);

    static string Here([CallerFilePath] string file = "") => file;
}
