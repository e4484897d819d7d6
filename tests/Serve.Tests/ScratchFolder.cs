namespace HeadTap.Serve.Tests;

/// <summary>A folder that is gone after the test.</summary>
sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("headtap-serve-").FullName;

    public string At(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
