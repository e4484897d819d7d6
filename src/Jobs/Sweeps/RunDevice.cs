using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The device of a result, which may be one of another machine.</summary>
/// <param name="Name">Name of the device: cpu, cuda, cuda:1.</param>
/// <param name="Precision">Precision of its products, as manifests name it.</param>
readonly record struct RunDevice(string Name, string Precision)
{
    /// <summary>Name without its number: results of cuda and cuda:1 belong together.</summary>
    internal string Kind => Name.Split(':')[0];

    internal static RunDevice Of(ComputeDevice device) => new(device.Name, device.Precision.ManifestName());

    /// <summary>The device to name for the results of several: the one they share, or its kind.</summary>
    internal static RunDevice Shared(RunDevice one, RunDevice other)
        => one.Name == other.Name ? one : one with { Name = one.Kind };
}
