using HeadTap.Kernels;

namespace HeadTap.Runtime;

/// <summary>Loads the kernel of one variant of a product for the layouts of its operands.</summary>
interface IProductLoader<TLauncher>
{
    /// <summary>Compiles it; variants that take any strides ignore the layouts.</summary>
    TLauncher Load<TX, TWeight>(MatMulVariant variant)
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout;
}

/// <summary>
/// The loaded kernels of one kind of product, by variant and layout of the operands. An operand is copied to
/// shared memory in its own layout, so that neighbours in memory stay neighbours.
/// </summary>
sealed class ProductKernels<TLauncher>
{
    readonly Dictionary<(MatMulVariant, bool, bool), TLauncher> _loaded = [];

    /// <summary>The kernel for a shape, compiled when it is first asked for.</summary>
    internal TLauncher Of<TLoader>(MatMulVariant variant, in MatMulShape s, TLoader loader)
        where TLoader : struct, IProductLoader<TLauncher>
    {
        bool anyStrides = variant is MatMulVariant.Small or MatMulVariant.Large;
        (MatMulVariant, bool, bool) key =
            (variant, s.XKStrided && !anyStrides, s.WeightKStrided && !anyStrides);
        if (!_loaded.TryGetValue(key, out TLauncher? launcher))
            _loaded[key] = launcher = variant is MatMulVariant.Tf32Small or MatMulVariant.Bf16Small
                ? Load<TLoader, KContiguous64, KStrided64>(key, loader)
                : Load<TLoader, KContiguous, KStrided>(key, loader);
        return launcher;
    }

    static TLauncher Load<TLoader, TContiguous, TStrided>(
        (MatMulVariant Variant, bool XStrided, bool WeightStrided) key, TLoader loader)
        where TLoader : struct, IProductLoader<TLauncher>
        where TContiguous : struct, IOperandLayout
        where TStrided : struct, IOperandLayout
        => (key.XStrided, key.WeightStrided) switch
        {
            (false, false) => loader.Load<TContiguous, TContiguous>(key.Variant),
            (false, true) => loader.Load<TContiguous, TStrided>(key.Variant),
            (true, false) => loader.Load<TStrided, TContiguous>(key.Variant),
            (true, true) => loader.Load<TStrided, TStrided>(key.Variant),
        };
}
