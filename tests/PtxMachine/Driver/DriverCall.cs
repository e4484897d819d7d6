using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// The frame of every driver function: no exception leaves it, because its caller is native code, and the
/// line that explains an error is kept for cuGetErrorString.
/// </summary>
static unsafe class DriverCall
{
    static volatile PtxFault? s_lastFault;

    [ThreadStatic]
    static (DriverError Error, nint Text) t_explained;

    /// <summary>The last defect that a launch ended with, whichever thread launched it.</summary>
    internal static PtxFault? LastFault => s_lastFault;

    /// <summary>Runs a function's body and turns what it throws into an error.</summary>
    internal static int Run(Action body)
    {
        try
        {
            body();
            return (int)DriverError.Success;
        }
        catch (DriverException e)
        {
            return Explain(e.Error, e.Message);
        }
        catch (PtxFault fault)
        {
            s_lastFault = fault;
            return Explain(LaunchErrors.Of(fault.Kind), fault.Message);
        }
        catch (Exception e) // a defect of this driver or of the machine: its caller cannot unwind
        {
            return Explain(DriverError.Unknown, e.ToString());
        }
    }

    /// <summary>The text of an error: the last line of this thread where it is that error, else its
    /// name.</summary>
    [UnmanagedCallersOnly]
    internal static int GetErrorString(int error, nint* text)
    {
        if (t_explained.Error != (DriverError)error || t_explained.Text == 0)
            _ = Explain((DriverError)error, ((DriverError)error).ToString());
        *text = t_explained.Text;
        return (int)DriverError.Success;
    }

    static int Explain(DriverError error, string text)
    {
        Marshal.FreeCoTaskMem(t_explained.Text);
        t_explained = (error, Marshal.StringToCoTaskMemUTF8(text));
        return (int)error;
    }
}
