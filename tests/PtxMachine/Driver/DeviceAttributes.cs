namespace HeadTap.PtxMachine;

/// <summary>The answers of cuDeviceGetAttribute, by the numbers of CUDA's CUdevice_attribute.</summary>
static class DeviceAttributes
{
    /// <summary>One attribute of a device.</summary>
    /// <exception cref="DriverException">It is none that CUDA defines up to 11.8.</exception>
    internal static int Of(PtxDevice device, int attribute)
    {
        PtxArchitecture limits = device.Architecture;
        DeviceSheet sheet = device.Sheet;
        return attribute switch
        {
            1 => limits.MaxThreadsPerBlock,
            2 => limits.MaxBlock.X,
            3 => limits.MaxBlock.Y,
            4 => limits.MaxBlock.Z,
            5 => limits.MaxGrid.X,
            6 => limits.MaxGrid.Y,
            7 => limits.MaxGrid.Z,
            8 => limits.SharedBytesPerBlock,
            9 => 64 * 1024, // constant memory
            10 => limits.WarpSize,
            11 => int.MaxValue, // pitch of a copy
            12 or 82 => limits.RegistersPerBlock, // of a block, of a multiprocessor
            13 => sheet.ClockKilohertz,
            16 => limits.Multiprocessors,
            19 or 91 => 1, // host memory can be registered, and keeps its address
            33 => device.Number + 1, // its bus: ILGPU takes two devices of one place for one
            36 => sheet.MemoryKilohertz,
            37 => sheet.MemoryBits,
            38 => limits.L2Bytes,
            39 => limits.MaxThreadsPerMultiprocessor,
            41 => 1, // one address space with the host
            75 => limits.Major,
            76 => limits.Minor,
            81 => limits.SharedBytesPerMultiprocessor,
            97 => limits.SharedBytesOptIn,
            106 => sheet.Blocks, // of a multiprocessor
            111 => sheet.ReservedSharedBytes, // of a block
            >= 1 and <= 119 => 0, // textures, copy engines: the machine has none
            _ => throw new DriverException(DriverError.InvalidValue, $"attribute {attribute} is not defined"),
        };
    }
}
