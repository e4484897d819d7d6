using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>Launches: a grid of blocks over an entry, done when the call returns.</summary>
static unsafe class DriverLaunches
{
    // Keys of the list that cuLaunchKernel takes in place of one pointer a parameter.
    const nint BufferPointer = 1, BufferSize = 2;

    [UnmanagedCallersOnly]
    internal static int Launch(
        nint function, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int sharedBytes,
        nint stream, nint* parameters, nint* list) => DriverCall.Run(() =>
    {
        DriverStreams.Require(stream);
        PtxEntry entry = DriverHandles.Get<PtxEntry>(function);
        PtxDevice device = DriverContexts.Current;
        Dim3 grid = new(gridX, gridY, gridZ), block = new(blockX, blockY, blockZ);
        byte* bytes = null;
        nint length = 0;
        for (nint* item = list; item != null && *item != 0; item += 2)
            if (*item == BufferPointer)
                bytes = (byte*)item[1];
            else if (*item == BufferSize)
                length = *(nint*)item[1];
            else
                throw new DriverException(DriverError.InvalidValue, $"a launch has no option {*item}");
        byte[]? gathered = list == null ? Gathered(entry, parameters) : null;
        device.InOrder(() => device.Gpu.Launch(
            entry, grid, block, sharedBytes, gathered ?? new ReadOnlySpan<byte>(bytes, (int)length)));
    });

    // One pointer a parameter, laid out as the entry declares them.
    static byte[] Gathered(PtxEntry entry, nint* parameters)
    {
        byte[] bytes = new byte[entry.ParameterBytes];
        for (int i = 0; i < entry.Parameters.Count; i++)
        {
            PtxParameter parameter = entry.Parameters[i];
            new ReadOnlySpan<byte>((void*)parameters[i], parameter.Size)
                .CopyTo(bytes.AsSpan(parameter.Offset));
        }
        return bytes;
    }
}
