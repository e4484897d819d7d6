namespace HeadTap.PtxMachine;

/// <summary>The driver's functions by the names that a CUDA program imports: those of ILGPU 1.5.3.</summary>
static unsafe class DriverExports
{
    /// <summary>Each name and where its function is.</summary>
    internal static IReadOnlyList<(string Name, nint Address)> All { get; } =
    [
        ("cuInit", (nint)(delegate* unmanaged<int, int>)&DriverDevices.Init),
        ("cuDriverGetVersion", (nint)(delegate* unmanaged<int*, int>)&DriverDevices.GetVersion),
        ("cuDeviceGet", (nint)(delegate* unmanaged<int*, int, int>)&DriverDevices.Get),
        ("cuDeviceGetCount", (nint)(delegate* unmanaged<int*, int>)&DriverDevices.GetCount),
        ("cuDeviceGetName", (nint)(delegate* unmanaged<byte*, int, int, int>)&DriverDevices.GetName),
        ("cuDeviceTotalMem_v2", (nint)(delegate* unmanaged<nint*, int, int>)&DriverDevices.TotalMemory),
        ("cuDeviceGetAttribute", (nint)(delegate* unmanaged<int*, int, int, int>)&DriverDevices.GetAttribute),
        ("cuDeviceCanAccessPeer",
            (nint)(delegate* unmanaged<int*, int, int, int>)&DriverDevices.CanAccessPeer),
        ("cuDeviceGetP2PAttribute",
            (nint)(delegate* unmanaged<int*, int, int, int, int>)&DriverDevices.GetPeerAttribute),

        ("cuCtxCreate_v2", (nint)(delegate* unmanaged<nint*, int, int, int>)&DriverContexts.Create),
        ("cuCtxDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&DriverContexts.Destroy),
        ("cuCtxSetCurrent", (nint)(delegate* unmanaged<nint, int>)&DriverContexts.SetCurrent),
        ("cuCtxSynchronize", (nint)(delegate* unmanaged<int>)&DriverContexts.Synchronize),
        ("cuCtxGetCacheConfig", (nint)(delegate* unmanaged<int*, int>)&DriverContexts.GetPreference),
        ("cuCtxSetCacheConfig", (nint)(delegate* unmanaged<int, int>)&DriverContexts.SetPreference),
        ("cuCtxGetSharedMemConfig", (nint)(delegate* unmanaged<int*, int>)&DriverContexts.GetPreference),
        ("cuCtxSetSharedMemConfig", (nint)(delegate* unmanaged<int, int>)&DriverContexts.SetPreference),
        ("cuCtxEnablePeerAccess", (nint)(delegate* unmanaged<nint, int, int>)&DriverContexts.EnablePeer),
        ("cuCtxDisablePeerAccess", (nint)(delegate* unmanaged<nint, int>)&DriverContexts.DisablePeer),

        ("cuMemGetInfo_v2", (nint)(delegate* unmanaged<nint*, nint*, int>)&DriverMemory.GetInfo),
        ("cuMemAlloc_v2", (nint)(delegate* unmanaged<nint*, nint, int>)&DriverMemory.Allocate),
        ("cuMemFree_v2", (nint)(delegate* unmanaged<nint, int>)&DriverMemory.Free),
        ("cuMemAllocHost_v2", (nint)(delegate* unmanaged<nint*, nint, int>)&DriverMemory.AllocateHost),
        ("cuMemFreeHost", (nint)(delegate* unmanaged<nint, int>)&DriverMemory.FreeHost),
        ("cuMemcpyAsync", (nint)(delegate* unmanaged<nint, nint, nint, nint, int>)&DriverMemory.Copy),
        ("cuMemsetD8Async", (nint)(delegate* unmanaged<nint, byte, nint, nint, int>)&DriverMemory.Fill),
        ("cuMemHostRegister_v2", (nint)(delegate* unmanaged<nint, nint, int, int>)&DriverMemory.RegisterHost),
        ("cuMemHostUnregister", (nint)(delegate* unmanaged<nint, int>)&DriverMemory.UnregisterHost),
        ("cuMemHostGetDevicePointer_v2",
            (nint)(delegate* unmanaged<nint*, nint, int, int>)&DriverMemory.GetDevicePointer),
        ("cuPointerGetAttribute",
            (nint)(delegate* unmanaged<void*, int, nint, int>)&DriverMemory.GetPointerAttribute),

        ("cuStreamCreate", (nint)(delegate* unmanaged<nint*, int, int>)&DriverStreams.Create),
        ("cuStreamCreateWithPriority",
            (nint)(delegate* unmanaged<nint*, int, int, int>)&DriverStreams.CreateWithPriority),
        ("cuStreamDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&DriverStreams.Destroy),
        ("cuStreamSynchronize", (nint)(delegate* unmanaged<nint, int>)&DriverStreams.Synchronize),

        ("cuEventCreate", (nint)(delegate* unmanaged<nint*, int, int>)&DriverEvents.Create),
        ("cuEventDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&DriverEvents.Destroy),
        ("cuEventQuery", (nint)(delegate* unmanaged<nint, int>)&DriverEvents.Passed),
        ("cuEventSynchronize", (nint)(delegate* unmanaged<nint, int>)&DriverEvents.Passed),
        ("cuEventRecord", (nint)(delegate* unmanaged<nint, nint, int>)&DriverEvents.Record),
        ("cuEventElapsedTime", (nint)(delegate* unmanaged<float*, nint, nint, int>)&DriverEvents.Elapsed),

        ("cuModuleLoadData", (nint)(delegate* unmanaged<nint*, byte*, int>)&DriverModules.Load),
        ("cuModuleLoadDataEx",
            (nint)(delegate* unmanaged<nint*, byte*, int, int*, nint*, int>)&DriverModules.LoadWithOptions),
        ("cuModuleUnload", (nint)(delegate* unmanaged<nint, int>)&DriverModules.Unload),
        ("cuModuleGetFunction",
            (nint)(delegate* unmanaged<nint*, nint, byte*, int>)&DriverModules.GetFunction),
        ("cuLaunchKernel", (nint)(delegate* unmanaged<nint, int, int, int, int, int, int, int, nint,
            nint*, nint*, int>)&DriverLaunches.Launch),
        ("cuOccupancyMaxActiveBlocksPerMultiprocessor",
            (nint)(delegate* unmanaged<int*, nint, int, nint, int>)&DriverOccupancy.Blocks),
        ("cuOccupancyMaxPotentialBlockSize", (nint)(delegate* unmanaged<int*, int*, nint,
            delegate* unmanaged<int, nint>, nint, int, int>)&DriverOccupancy.PotentialBlock),
        ("cuGetErrorString", (nint)(delegate* unmanaged<int, nint*, int>)&DriverCall.GetErrorString),
    ];
}
