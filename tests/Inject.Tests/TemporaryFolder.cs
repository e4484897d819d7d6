namespace HeadTap.Inject.Tests;

/// <summary>A folder that lives as long as the test.</summary>
sealed class TemporaryFolder : IDisposable
{
    readonly string _path = Directory.CreateTempSubdirectory("headtap-inject-").FullName;

    internal string this[string name] => System.IO.Path.Combine(_path, name);

    internal string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
