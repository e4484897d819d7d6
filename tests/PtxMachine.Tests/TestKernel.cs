using System.Runtime.InteropServices;
using System.Text;

namespace HeadTap.PtxMachine.Tests;

/// <summary>Small modules around a few lines of PTX, and launches of them on arrays.</summary>
sealed class TestKernel : IDisposable
{
    readonly List<(nint Start, byte[] Host)> _buffers = [];

    /// <summary>Threads = 1: what two blocks do to each other is then seen in every run.</summary>
    public TestKernel(MachineChecks? checks = null, PtxArchitecture? architecture = null)
        => Gpu = new(architecture ?? PtxArchitecture.Sm80, Memory, checks ?? new() { Threads = 1 });

    public DeviceMemory Memory { get; } = new(1L << 32);

    public PtxGpu Gpu { get; }

    /// <summary>
    /// A module with an entry K that takes 64-bit pointers a, b, c, ... The pointers are in %a, %b, ...;
    /// the thread's index in its block is %t, and %ra, %rb, ... are the pointers plus 4 times the thread's
    /// index. 16 registers of each kind are declared: %p, %w (32 bits), %l (64 bits).
    /// </summary>
    public static string Text(
        string body, int pointers = 1, string declarations = "", string target = "sm_80")
    {
        StringBuilder text = new();
        text.AppendLine(".version 7.8").AppendLine($".target {target}").AppendLine(".address_size 64");
        text.AppendLine(declarations.Contains(".extern", StringComparison.Ordinal) ? declarations : "");
        text.AppendLine(".visible .entry K(");
        for (int i = 0; i < pointers; i++)
            text.AppendLine($"  .param .b64 p{i}{(i + 1 < pointers ? "," : "")}");
        text.AppendLine(") {");
        text.AppendLine(declarations.Contains(".extern", StringComparison.Ordinal) ? "" : declarations);
        text.AppendLine("  .reg .pred %p<16>; .reg .b32 %w<16>, %t; .reg .b64 %l<16>, %tl;");
        text.AppendLine("  mov.b32 %t, %tid.x; mul.wide.u32 %tl, %t, 4;");
        for (int i = 0; i < pointers; i++)
        {
            char name = (char)('a' + i);
            text.AppendLine($"  .reg .b64 %{name}, %r{name};");
            text.AppendLine($"  ld.param.b64 %{name}, [p{i}]; add.s64 %r{name}, %{name}, %tl;");
        }
        return text.AppendLine(body).AppendLine("  ret;").AppendLine("}").ToString();
    }

    /// <summary>A copy of an array on the device.</summary>
    public nint Upload<T>(params T[] values) where T : unmanaged
    {
        byte[] bytes = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        nint start = Memory.Allocate(bytes.Length);
        Marshal.Copy(bytes, 0, start, bytes.Length);
        _buffers.Add((start, bytes));
        return start;
    }

    /// <summary>The array at an address.</summary>
    public static T[] Download<T>(nint start, int count) where T : unmanaged
    {
        T[] values = new T[count];
        byte[] bytes = new byte[count * Marshal.SizeOf<T>()];
        Marshal.Copy(start, bytes, 0, bytes.Length);
        bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public void Launch(string text, Dim3 grid, Dim3 block, params nint[] pointers) =>
        Launch(text, grid, block, 0, pointers);

    public void Launch(string text, Dim3 grid, Dim3 block, int shared, params nint[] pointers) =>
        Gpu.Launch(PtxModule.Parse(text).Entries["K"], grid, block, shared,
            MemoryMarshal.AsBytes(pointers.AsSpan()));

    /// <summary>One warp, its results as words: what the lines leave in %w0.</summary>
    public static uint[] Words(string body, params uint[][] inputs)
    {
        using TestKernel kernel = new();
        nint[] pointers = [kernel.Upload(new uint[32]), .. inputs.Select(i => kernel.Upload(i))];
        kernel.Launch(Text(body + "\n st.global.b32 [%ra], %w0;", pointers.Length),
            new(1), new(32), pointers);
        return Download<uint>(pointers[0], 32);
    }

    public void Dispose() => Memory.Dispose();
}
