namespace HeadTap.Serve.Tests;

/// <summary>A folder that is gone after the test.</summary>
sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("headtap-serve-").FullName;

    /// <summary>One for a fixture, which frees it in its OneTimeTearDown.</summary>
    public static ScratchFolder Make() => new();

    public string At(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
