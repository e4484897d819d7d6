namespace HeadTap.PtxMachine;

/// <summary>The error that CUDA gives for what a launch did wrong; its text says more.</summary>
static class LaunchErrors
{
    /// <summary>The error of a kind of fault.</summary>
    internal static DriverError Of(FaultKind kind) => kind switch
    {
        FaultKind.Syntax => DriverError.InvalidPtx,
        FaultKind.Architecture => DriverError.NoBinaryForGpu,
        FaultKind.Launch => DriverError.LaunchOutOfResources,
        FaultKind.OutOfBounds => DriverError.IllegalAddress,
        FaultKind.Misaligned => DriverError.MisalignedAddress,
        _ => DriverError.LaunchFailed,
    };
}
