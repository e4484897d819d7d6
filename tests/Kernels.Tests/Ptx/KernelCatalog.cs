using System.Reflection;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>One kernel as a GPU runs it: a method, with its type arguments where it has any.</summary>
/// <param name="Name">Its row in docs/kernel-ledger.csv: <c>LayerNormKernels.Forward</c>.</param>
/// <param name="Method">A static void method, closed over its type arguments.</param>
/// <param name="Since">The first architecture that has its instructions: sm_75 lacks cp.async, TF32 and
/// bf16.</param>
/// <param name="TensorCores">True when it must hold tensor-core products (HMMA) once assembled.</param>
sealed record KernelVariant(
    string Name, MethodInfo Method, CudaArchitecture Since, bool TensorCores = false)
{
    public override string ToString() => Name;
}

/// <summary>
/// Every kernel and every CUDA variant, in one list: what compiles to PTX, what ptxas assembles, and what the
/// ledger has rows for. Methods of classes named <c>...Kernels</c> that have no type arguments are found by
/// themselves; the rest is listed in <see cref="Variants"/>.
/// </summary>
static class KernelCatalog
{
    /// <summary>The architectures CI assembles for.</summary>
    public static readonly CudaArchitecture[] Architectures =
        [CudaArchitecture.SM_75, CudaArchitecture.SM_80, CudaArchitecture.SM_90];

    /// <summary>Every kernel, by name.</summary>
    public static IReadOnlyList<KernelVariant> All { get; } =
        [.. Found().Concat(Variants()).OrderBy(k => k.Name, StringComparer.Ordinal)];

    /// <summary>Every kernel with every architecture that can run it.</summary>
    public static IEnumerable<(KernelVariant Kernel, CudaArchitecture Architecture)> Builds =>
        from kernel in All
        from architecture in Architectures
        where architecture >= kernel.Since
        select (kernel, architecture);

    // Kernels with type arguments, and kernels that begin at a later architecture or use tensor cores.
    static IEnumerable<KernelVariant> Variants() => Products().Concat(Attention());

    static IEnumerable<KernelVariant> Products() =>
        from kernel in ((Type Type, string Method, Type Terms, Type Lines)[])
        [
            (typeof(MatMulPipelinedKernels), nameof(MatMulPipelinedKernels.Product),
                typeof(KContiguous), typeof(KStrided)),
            (typeof(MatMulTensorKernels), nameof(MatMulTensorKernels.Tf32),
                typeof(KContiguous), typeof(KStrided)),
            (typeof(MatMulTensorKernels), nameof(MatMulTensorKernels.Tf32Small),
                typeof(KContiguous64), typeof(KStrided64)),
            (typeof(MatMulTensorKernels), nameof(MatMulTensorKernels.Bf16),
                typeof(KContiguous), typeof(KStrided)),
            (typeof(MatMulTensorKernels), nameof(MatMulTensorKernels.Bf16Small),
                typeof(KContiguous64), typeof(KStrided64)),
            (typeof(HeadResultsKernels), nameof(HeadResultsKernels.ProductTf32),
                typeof(KContiguous), typeof(KStrided)),
            (typeof(HeadResultsKernels), nameof(HeadResultsKernels.ProductBf16),
                typeof(KContiguous), typeof(KStrided)),
        ]
        from layouts in ((Type X, Type Weight)[])
        [
            (kernel.Terms, kernel.Lines), // x W
            (kernel.Terms, kernel.Terms), // x W^T
            (kernel.Lines, kernel.Lines), // x^T dY
        ]
        select Variant(kernel.Type, kernel.Method, CudaArchitecture.SM_80,
            tensorCores: kernel.Type != typeof(MatMulPipelinedKernels),
            typeof(PtxTensorCores), layouts.X, layouts.Weight);

    static IEnumerable<KernelVariant> Attention() =>
        from kernel in ((Type Type, string Method, Type[] Numbers)[])
        [
            (typeof(AttentionTensorKernels), nameof(AttentionTensorKernels.ForwardTf32), []),
            (typeof(AttentionTensorKernels), nameof(AttentionTensorKernels.ForwardBf16), []),
            (typeof(AttentionTensorKernels), nameof(AttentionTensorKernels.ForwardTf32Edited), []),
            (typeof(AttentionTensorKernels), nameof(AttentionTensorKernels.ForwardBf16Edited), []),
            .. from method in (string[])[
                    nameof(AttentionTensorBackwardKernels.Queries),
                    nameof(AttentionTensorBackwardKernels.KeysAndValues)]
                from number in (Type[])[typeof(Tf32Number), typeof(Bf16Number)]
                select (typeof(AttentionTensorBackwardKernels), method, new[] { number }),
        ]
        from head in (Type[])[typeof(OneChunk), typeof(TwoChunks)]
        select Variant(kernel.Type, kernel.Method, CudaArchitecture.SM_80, tensorCores: true,
            [typeof(PtxTensorCores), .. kernel.Numbers, head]);

    static IEnumerable<KernelVariant> Found()
    {
        HashSet<(Type, string)> listed =
            [.. Variants().Select(v => (v.Method.DeclaringType!, v.Method.Name))];
        return
            from type in typeof(LayerNormKernels).Assembly.GetExportedTypes()
            where type.Name.EndsWith("Kernels", StringComparison.Ordinal)
            from method in type.GetMethods(
                BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
            where method.ReturnType == typeof(void) && !method.IsGenericMethodDefinition
                && !listed.Contains((type, method.Name))
            select new KernelVariant($"{type.Name}.{method.Name}", method, CudaArchitecture.SM_75);
    }

    /// <summary>
    /// An entry of <see cref="Variants"/>, its type arguments in the name: <c>Kernels.Method[Type]</c>.
    /// </summary>
    internal static KernelVariant Variant(
        Type type, string method, CudaArchitecture since, bool tensorCores, params Type[] arguments)
    {
        MethodInfo found = type.GetMethod(method, BindingFlags.Static | BindingFlags.Public)
            ?? throw new ArgumentException($"{type.Name} has no public static method {method}.");
        return arguments.Length == 0
            ? new($"{type.Name}.{method}", found, since, tensorCores)
            : new($"{type.Name}.{method}[{string.Join(' ', arguments.Select(a => a.Name))}]",
                found.MakeGenericMethod(arguments), since, tensorCores);
    }
}
