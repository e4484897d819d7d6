using System.Reflection;
using ILGPU.Backends.OpenCL;

namespace HeadTap.Runtime;

/// <summary>Makes the barriers of OpenCL kernels order the memory that a group shares.</summary>
/// <remarks>
/// ILGPU 1.5.3 writes <c>barrier(CLK_GLOBAL_MEM_FENCE)</c> for every barrier, which by OpenCL 1.2 (6.12.8)
/// and later orders global memory alone: what a work-item left in local memory need not be seen behind it.
/// The name of the flag stands in one array, private and read when a kernel is compiled; docs/design/0015 has
/// the report to ILGPU.
/// </remarks>
static class OpenClFences
{
    /// <summary>What the barriers of kernels compiled from now on fence.</summary>
    internal const string Flags = "CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE";

    /// <summary>Sets the flags, once for the process.</summary>
    /// <exception cref="InvalidOperationException">This ILGPU has no such array: the fix must be made
    /// anew.</exception>
    internal static void Set()
    {
        FieldInfo field = typeof(CLInstructions).GetField(
            "MemoryFenceFlags", BindingFlags.Static | BindingFlags.NonPublic)
            ?? throw new InvalidOperationException("ILGPU has no CLInstructions.MemoryFenceFlags.");
        var names = (string[])field.GetValue(null)!;
        names[0] = Flags;
    }
}
