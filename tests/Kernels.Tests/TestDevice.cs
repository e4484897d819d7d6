using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// The devices at hand, by name: the host path at each vector width, the simulator, and OpenCL and CUDA where
/// the machine has them, and the interpreter of PTX. Opened once and shared: a simulator starts a thousand
/// threads.
/// </summary>
static class TestDevice
{
    static readonly Dictionary<string, ComputeDevice> Opened = [];

    /// <summary>
    /// Names for [ValueSource] and [TestCaseSource]: all but the simulator. It starts a thread of the system
    /// for each of a group's, and ptx runs the same kernels with the same arguments in a tenth of its time
    /// and sees more. What the simulator alone sees is an index beyond its view that lies within the arena:
    /// for that OpCaseTests runs every op on it, and <see cref="Ilgpu"/> has forced variants of a product.
    /// </summary>
    public static IEnumerable<string> All => Hosts.Concat(["opencl", "cuda", "ptx"]);

    /// <summary>The host path, each vector width forced in turn.</summary>
    public static IEnumerable<string> Hosts => ["cpu128", "cpu256", "cpu512"];

    /// <summary>Devices that run the kernels, the simulator too.</summary>
    public static IEnumerable<string> Ilgpu => ["simulator", "opencl", "cuda", "ptx"];

    /// <summary>
    /// Devices with tensor cores. The simulator is not among them: it exchanges fragments through shared
    /// memory (SimulatorTensorCores), which is other code than a GPU runs, and takes seconds for a head.
    /// </summary>
    public static IEnumerable<string> TensorCores => ["cuda", "ptx"];

    /// <summary>Devices that run whole models in a test's time.</summary>
    public static IEnumerable<string> Quick => ["cpu512", "opencl", "cuda", "ptx"];

    /// <summary>The same and a second width of the host's vectors.</summary>
    public static IEnumerable<string> QuickWidths => Quick.Append("cpu128");

    // HEADTAP_TEST_PTX=ptx:sm_75 runs the cases named ptx as on that architecture.
    static string PtxDevice => Environment.GetEnvironmentVariable("HEADTAP_TEST_PTX") ?? "ptx";

    /// <summary>Opens a device by test name, or skips the test where the machine has none.</summary>
    internal static ComputeDevice Open(string name)
    {
        HostSimd.Width = name.StartsWith("cpu", StringComparison.Ordinal)
            ? int.Parse(name.AsSpan(3), System.Globalization.CultureInfo.InvariantCulture)
            : HostSimd.BestWidth;
        string key = name.StartsWith("cpu", StringComparison.Ordinal) ? "cpu" : name;
        if (Opened.TryGetValue(key, out ComputeDevice? device))
            return device;
        if (key is "opencl" or "cuda")
        {
            DeviceEntry entry = DeviceCatalog.List().First(d => d.Name == key);
            if (entry.Refusal is { } reason)
                Assert.Ignore($"{key}: {reason}");
        }
        if (key == "ptx" && DeviceCatalog.List().First(d => d.Name == "cuda").Refusal is null)
            Assert.Ignore("ptx: a CUDA device is here, and ILGPU takes one NVIDIA driver a process");
        return Opened[key] = ComputeDevice.Open(key == "ptx" ? PtxDevice : key);
    }
}
