using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

/// <summary>
/// The mathematics of a device: one partial file per op. Each op checks shapes, then runs the host body or
/// launches the kernel. "Writes" overwrites an output, "Adds into" accumulates.
/// </summary>
/// <remarks>
/// Kernels are compiled when first used, so a program pays for what it runs; others of the same device take
/// them from there.
/// </remarks>
public sealed partial class Ops
{
    /// <summary>The ops of a device, which keeps the kernels they load until it is disposed.</summary>
    public Ops(ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        device.Keep(this);
    }

    /// <summary>Where the ops run; every tensor given to them must live there.</summary>
    public ComputeDevice Device { get; }

    bool Host => Device.IsHost;

    /// <summary>The accelerator, where there is one: callers have asked <see cref="Host"/> first.</summary>
    Accelerator Gpu => Device.Accelerator!;

    static void Require(
        [DoesNotReturnIf(false)] bool condition,
        [InterpolatedStringHandlerArgument(nameof(condition))] RequirementText text,
        [CallerMemberName] string op = "")
    {
        if (!condition)
            throw new ArgumentException($"{op}: {text.ToStringAndClear()}");
    }

    /// <summary>Counts an op; the first line of every op after its checks.</summary>
    void CountOp() => Device.OpCount++;

    /// <summary>Counts an op; false where it has no elements: drivers refuse empty grids.</summary>
    bool CountOp(long elements)
    {
        CountOp();
        return elements > 0;
    }
}

/// <summary>Formats a failed requirement, and nothing when it holds: shape checks run on every op.</summary>
[InterpolatedStringHandler]
ref struct RequirementText
{
    DefaultInterpolatedStringHandler _text;

    public RequirementText(int literalLength, int formattedCount, bool condition, out bool enabled)
    {
        enabled = !condition;
        if (enabled)
            _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public string ToStringAndClear() => _text.ToStringAndClear();
}
