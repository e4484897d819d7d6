namespace HeadTap.PtxMachine;

/// <summary>Ends a driver function with an error and the line that cuGetErrorString then gives.</summary>
sealed class DriverException(DriverError error, string message) : Exception(message)
{
    /// <summary>What the function returns.</summary>
    internal DriverError Error { get; } = error;
}
