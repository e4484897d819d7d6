namespace HeadTap.PtxMachine;

/// <summary>The results of the CUDA driver's functions that this driver gives, by CUDA's numbers.</summary>
enum DriverError
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>An argument is outside what the function takes.</summary>
    InvalidValue = 1,

    /// <summary>The device's memory does not hold what was asked for.</summary>
    OutOfMemory = 2,

    /// <summary>The device number is none of those listed.</summary>
    InvalidDevice = 101,

    /// <summary>No context is current, or the handle is not one.</summary>
    InvalidContext = 201,

    /// <summary>The PTX is for a later architecture than the device's.</summary>
    NoBinaryForGpu = 209,

    /// <summary>Devices do not read each other's memory.</summary>
    PeerAccessUnsupported = 217,

    /// <summary>The PTX could not be read.</summary>
    InvalidPtx = 218,

    /// <summary>The handle is not a live one of its kind.</summary>
    InvalidHandle = 400,

    /// <summary>The module has no entry of that name.</summary>
    NotFound = 500,

    /// <summary>A kernel left its memory.</summary>
    IllegalAddress = 700,

    /// <summary>A launch asks for more than the architecture has.</summary>
    LaunchOutOfResources = 701,

    /// <summary>A kernel's access is not aligned.</summary>
    MisalignedAddress = 716,

    /// <summary>A kernel did what PTX leaves undefined.</summary>
    LaunchFailed = 719,

    /// <summary>A defect of this driver.</summary>
    Unknown = 999,
}
