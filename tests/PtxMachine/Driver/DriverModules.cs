using System.Runtime.InteropServices;
using System.Text;

namespace HeadTap.PtxMachine;

/// <summary>Modules, which are parsed PTX, and the entries in them that can be launched.</summary>
static unsafe class DriverModules
{
    // CUjit_option of the log that a failed load leaves, and of its length.
    const int ErrorLog = 5, ErrorLogBytes = 6;

    [UnmanagedCallersOnly]
    internal static int Load(nint* module, byte* text) => DriverCall.Run(() => *module = Parsed(text));

    [UnmanagedCallersOnly]
    internal static int LoadWithOptions(
        nint* module, byte* text, int count, int* options, nint* values) => DriverCall.Run(() =>
    {
        try
        {
            *module = Parsed(text);
        }
        catch (DriverException e)
        {
            WriteLog(e.Message, count, options, values);
            throw;
        }
    });

    /// <summary>Ends a module and its entries; 0 is none.</summary>
    /// <remarks>ILGPU unloads a module that it failed to load, and would hide why behind that
    /// error.</remarks>
    [UnmanagedCallersOnly]
    internal static int Unload(nint module) => DriverCall.Run(() =>
    {
        if (module == 0)
            return;
        foreach (nint entry in DriverHandles.Remove<Module>(module).Handles)
            _ = DriverHandles.Remove<PtxEntry>(entry);
    });

    [UnmanagedCallersOnly]
    internal static int GetFunction(nint* function, nint module, byte* name) => DriverCall.Run(() =>
    {
        Module owner = DriverHandles.Get<Module>(module);
        string asked = Marshal.PtrToStringUTF8((nint)name) ?? "";
        if (!owner.Ptx.Entries.TryGetValue(asked, out PtxEntry? entry))
            throw new DriverException(DriverError.NotFound,
                $"the module has no entry {asked}; it has {string.Join(", ", owner.Ptx.Entries.Keys)}");
        *function = DriverHandles.Add(entry);
        lock (owner.Handles)
            owner.Handles.Add(*function);
    });

    static nint Parsed(byte* text)
    {
        PtxDevice device = DriverContexts.Current;
        PtxModule ptx;
        try
        {
            ptx = PtxModule.Parse(Marshal.PtrToStringUTF8((nint)text) ?? "");
        }
        catch (PtxFault e)
        {
            throw new DriverException(DriverError.InvalidPtx, e.Message);
        }
        if (Capability(ptx.Target) > device.Architecture.Major * 10 + device.Architecture.Minor)
            throw new DriverException(DriverError.NoBinaryForGpu,
                $"the PTX is for {ptx.Target}, and the device is {device.Architecture.Name}");
        return DriverHandles.Add(new Module(ptx, []));
    }

    // sm_80 and sm_90a: 80 and 90.
    static int Capability(string target) => int.TryParse(
        new string([.. target.Where(char.IsAsciiDigit)]), out int number) ? number : int.MaxValue;

    static void WriteLog(string message, int count, int* options, nint* values)
    {
        byte* log = null;
        int room = 0;
        for (int i = 0; i < count; i++)
            if (options[i] == ErrorLog)
                log = (byte*)values[i];
            else if (options[i] == ErrorLogBytes)
                room = (int)values[i];
        if (log is null || room < 1)
            return;
        byte[] bytes = Encoding.ASCII.GetBytes(message);
        int kept = Math.Min(bytes.Length, room - 1);
        bytes.AsSpan(0, kept).CopyTo(new(log, kept));
        new Span<byte>(log + kept, room - kept).Clear();
    }

    sealed record Module(PtxModule Ptx, List<nint> Handles);
}
