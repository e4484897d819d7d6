namespace HeadTap.PtxMachine;

/// <summary>The text of one PTX module, read.</summary>
public sealed class PtxModule
{
    internal PtxModule() { }

    /// <summary>The architecture it was written for: <c>sm_80</c>.</summary>
    public string Target { get; internal init; } = "";

    /// <summary>The version of PTX that it asks for: <c>7.8</c>.</summary>
    public string Version { get; internal init; } = "";

    /// <summary>Its kernels, by name.</summary>
    public IReadOnlyDictionary<string, PtxEntry> Entries { get; internal init; } =
        new Dictionary<string, PtxEntry>();

    /// <summary>
    /// Reads a module; a <see cref="PtxFault"/> names the line that the machine does not know.
    /// </summary>
    public static PtxModule Parse(string text)
    {
        PtxModule module = new ModuleReader(text).Read();
        foreach (PtxEntry entry in module.Entries.Values)
            _ = entry.Program;
        return module;
    }
}
