namespace HeadTap.Kernels;

/// <summary>A function of one value, in vectors.</summary>
interface IHostMap
{
    TVector Of<TWidth, TVector>(TVector x)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>;
}

/// <summary>A function of two values, in vectors.</summary>
interface IHostMap2
{
    TVector Of<TWidth, TVector>(TVector a, TVector b)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>;
}

/// <summary>A function of three values, in vectors.</summary>
interface IHostMap3
{
    TVector Of<TWidth, TVector>(TVector a, TVector b, TVector c)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>;
}

/// <summary>
/// Host bodies that apply a map to every element. The last few elements of a range go through the same vector
/// code in a small buffer, so an element's bits depend on its value alone and not on where it stands.
/// </summary>
static unsafe class HostMap
{
    /// <summary>
    /// Elements an item: 64 KiB, some microseconds of work; less runs on the calling thread.
    /// </summary>
    internal const long Grain = 16384;

    const int MostLanes = 16;

    /// <summary>Writes y = map(x); y may be x.</summary>
    internal static void Run<TMap>(float* x, float* y, long length, TMap map) where TMap : struct, IHostMap
        => HostSimd.Ranges(length, Grain, new Elements<TMap>(x, y, map));

    /// <summary>Writes y = map(a, b); y may be either.</summary>
    internal static void Run<TMap>(float* a, float* b, float* y, long length, TMap map)
        where TMap : struct, IHostMap2
        => HostSimd.Ranges(length, Grain, new Pairs<TMap>(a, b, y, map));

    /// <summary>Writes y = map(a, b, c); y may be one of them.</summary>
    internal static void Run<TMap>(float* a, float* b, float* c, float* y, long length, TMap map)
        where TMap : struct, IHostMap3
        => HostSimd.Ranges(length, Grain, new Triples<TMap>(a, b, c, y, map));

    internal readonly struct Elements<TMap>(float* x, float* y, TMap map) : IHostBody
        where TMap : struct, IHostMap
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long i = first;
            for (; i + lanes <= end; i += lanes)
                TWidth.Store(map.Of<TWidth, TVector>(TWidth.Load(x + i)), y + i);
            if (i < end)
                Rest<TWidth, TVector>(i, (int)(end - i));
        }

        void Rest<TWidth, TVector>(long at, int count)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* buffer = stackalloc float[MostLanes];
            for (int k = 0; k < count; k++)
                buffer[k] = x[at + k];
            TWidth.Store(map.Of<TWidth, TVector>(TWidth.Load(buffer)), buffer);
            for (int k = 0; k < count; k++)
                y[at + k] = buffer[k];
        }
    }

    internal readonly struct Pairs<TMap>(float* a, float* b, float* y, TMap map) : IHostBody
        where TMap : struct, IHostMap2
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long i = first;
            for (; i + lanes <= end; i += lanes)
                TWidth.Store(map.Of<TWidth, TVector>(TWidth.Load(a + i), TWidth.Load(b + i)), y + i);
            if (i < end)
                Rest<TWidth, TVector>(i, (int)(end - i));
        }

        void Rest<TWidth, TVector>(long at, int count)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* buffer = stackalloc float[2 * MostLanes];
            for (int k = 0; k < count; k++)
                (buffer[k], buffer[MostLanes + k]) = (a[at + k], b[at + k]);
            TVector result = map.Of<TWidth, TVector>(TWidth.Load(buffer), TWidth.Load(buffer + MostLanes));
            TWidth.Store(result, buffer);
            for (int k = 0; k < count; k++)
                y[at + k] = buffer[k];
        }
    }

    internal readonly struct Triples<TMap>(float* a, float* b, float* c, float* y, TMap map) : IHostBody
        where TMap : struct, IHostMap3
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long i = first;
            for (; i + lanes <= end; i += lanes)
                TWidth.Store(map.Of<TWidth, TVector>(
                    TWidth.Load(a + i), TWidth.Load(b + i), TWidth.Load(c + i)), y + i);
            if (i < end)
                Rest<TWidth, TVector>(i, (int)(end - i));
        }

        void Rest<TWidth, TVector>(long at, int count)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* buffer = stackalloc float[3 * MostLanes];
            for (int k = 0; k < count; k++)
            {
                (buffer[k], buffer[MostLanes + k]) = (a[at + k], b[at + k]);
                buffer[2 * MostLanes + k] = c[at + k];
            }
            TVector result = map.Of<TWidth, TVector>(TWidth.Load(buffer), TWidth.Load(buffer + MostLanes),
                TWidth.Load(buffer + 2 * MostLanes));
            TWidth.Store(result, buffer);
            for (int k = 0; k < count; k++)
                y[at + k] = buffer[k];
        }
    }
}
