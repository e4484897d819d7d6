// AdamW over 8-bit moments on the host: 16 bytes a weight, read and written once.
//
// A block is always 256 lanes: the last, if short, goes through a copy padded with zeros, which change no
// maximum. So every weight takes the same instructions, and vectors of any width give the same bits.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>AdamW over 8-bit moments on the host; formula as in <see cref="AdamW8BitKernels"/>.</summary>
public static unsafe class AdamW8BitHost
{
    const int BlocksPerItem = 64, BlockLength = FourthPowerCode.BlockLength;

    /// <summary>Updates weight, m, v and units in place.</summary>
    public static void Update(
        float* gradient, float* weight, int* m, int* v, float* units, long length, in AdamWScalars s)
        => HostSimd.Ranges((length + BlockLength - 1) / BlockLength, BlocksPerItem,
            new Blocks(gradient, weight, (sbyte*)m, (byte*)v, units, length, s));

    readonly struct Blocks(
        float* gradient, float* weight, sbyte* m, byte* v, float* units, long length, AdamWScalars s)
        : IHostBody
    {
        [SkipLocalsInit]
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* moments = stackalloc float[2 * BlockLength];
            for (long block = first; block < end; block++)
            {
                long at = block * BlockLength;
                if (at + BlockLength <= length)
                    Block<TWidth, TVector>(
                        gradient + at, weight + at, m + at, v + at, units + 2 * block, moments);
                else
                    Last<TWidth, TVector>(at, units + 2 * block, moments);
            }
        }

        void Last<TWidth, TVector>(long at, float* unit, float* moments)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int count = (int)(length - at), codes = (count + 3) / 4 * 4;
            float* floats = stackalloc float[2 * BlockLength];
            byte* bytes = stackalloc byte[2 * BlockLength];
            new Span<float>(floats, 2 * BlockLength).Clear();
            new Span<byte>(bytes, 2 * BlockLength).Clear();
            Copy(gradient + at, floats, count);
            Copy(weight + at, floats + BlockLength, count);
            Copy((byte*)m + at, bytes, codes);
            Copy(v + at, bytes + BlockLength, codes);
            Block<TWidth, TVector>(
                floats, floats + BlockLength, (sbyte*)bytes, bytes + BlockLength, unit, moments);
            Copy(floats + BlockLength, weight + at, count);
            Copy(bytes, (byte*)m + at, codes);
            Copy(bytes + BlockLength, v + at, codes);
        }

        static void Copy<T>(T* from, T* to, int count) where T : unmanaged
            => new ReadOnlySpan<T>(from, count).CopyTo(new Span<T>(to, count));

        // 256 weights of a block; moments holds what becomes of m, then of the root of v.
        void Block<TWidth, TVector>(float* g, float* w, sbyte* m, byte* v, float* unit, float* moments)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector scale = TWidth.Create(s.GradientScale), keep = TWidth.Create(s.Keep);
            TVector beta1 = TWidth.Create(s.Beta1), gain1 = TWidth.Create(s.Gain1);
            TVector beta2 = TWidth.Create(s.Beta2), gain2 = TWidth.Create(s.Gain2);
            TVector step = TWidth.Create(s.StepSize), root = TWidth.Create(s.RootScale);
            TVector epsilon = TWidth.Create(s.Epsilon);
            TVector mUnit = TWidth.Create(unit[0]), vUnit = TWidth.Create(unit[1]);
            TVector mMax = TWidth.Create(0f), vMax = mMax;
            for (int i = 0; i < BlockLength; i += TWidth.Lanes)
            {
                TVector x = TWidth.Multiply(TWidth.Load(g + i), scale);
                TVector a = Value<TWidth, TVector>(TWidth.LoadBytes(m + i), mUnit);
                TVector b = Value<TWidth, TVector>(TWidth.LoadBytes(v + i), vUnit);
                a = TWidth.MultiplyAdd(beta1, a, TWidth.Multiply(gain1, x));
                b = TWidth.MultiplyAdd(beta2, b, TWidth.Multiply(TWidth.Multiply(gain2, x), x));
                b = TWidth.Sqrt(b);
                TWidth.Store(a, moments + i);
                TWidth.Store(b, moments + BlockLength + i);
                mMax = TWidth.Max(mMax, TWidth.Abs(a));
                vMax = TWidth.Max(vMax, b);
                TVector change = TWidth.Divide(
                    TWidth.Multiply(step, a), TWidth.MultiplyAdd(b, root, epsilon));
                TWidth.Store(TWidth.Subtract(TWidth.Multiply(TWidth.Load(w + i), keep), change), w + i);
            }
            float mRoot = FourthPowerCode.Root(FourthPowerCode.Magnitude(TWidth.MaxLane(mMax)));
            float vRoot = MathF.Sqrt(FourthPowerCode.Magnitude(TWidth.MaxLane(vMax)));
            unit[0] = mRoot / FourthPowerCode.MostSigned;
            unit[1] = vRoot / FourthPowerCode.MostUnsigned;
            Encode<TWidth, TVector>(moments, m, v,
                FourthPowerCode.CodesPerRoot(mRoot, FourthPowerCode.MostSigned),
                FourthPowerCode.CodesPerRoot(vRoot, FourthPowerCode.MostUnsigned));
        }

        static void Encode<TWidth, TVector>(
            float* moments, sbyte* m, byte* v, float mCodesPerRoot, float vCodesPerRoot)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector mCodes = TWidth.Create(mCodesPerRoot), vCodes = TWidth.Create(vCodesPerRoot);
            TVector mMost = TWidth.Create(FourthPowerCode.MostSigned);
            TVector vMost = TWidth.Create(FourthPowerCode.MostUnsigned);
            TVector zero = TWidth.Create(0f), one = TWidth.Create(1f);
            for (int i = 0; i < BlockLength; i += TWidth.Lanes)
            {
                TVector a = TWidth.Load(moments + i), b = TWidth.Load(moments + BlockLength + i);
                TVector code = Position<TWidth, TVector>(TWidth.Sqrt(TWidth.Abs(a)), mCodes, mMost);
                TWidth.StoreBytes(TWidth.CopySign(code, a), (byte*)m + i);
                code = Position<TWidth, TVector>(b, vCodes, vMost);
                code = TWidth.IfLess(code, one, one, code);
                TWidth.StoreBytes(TWidth.IfLess(zero, b, code, zero), v + i);
            }
        }

        // From a moment's root: half above its place among codes, so that cutting off gives the nearest.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static TVector Position<TWidth, TVector>(TVector root, TVector codesPerRoot, TVector most)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector position = TWidth.MultiplyAdd(TWidth.Sqrt(root), codesPerRoot, TWidth.Create(0.5f));
            return TWidth.IfLess(position, most, position, most);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static TVector Value<TWidth, TVector>(TVector code, TVector unit)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector root = TWidth.Multiply(code, unit), square = TWidth.Multiply(root, root);
            return TWidth.CopySign(TWidth.Multiply(square, square), code);
        }
    }
}
