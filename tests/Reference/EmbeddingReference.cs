using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Table rows by number, and the gradient of the table.</summary>
public static class EmbeddingReference
{
    /// <summary>y += table[ids]; an id of -1 is no row.</summary>
    public static void Gather<T>(int[] ids, T[] table, T[] y, int C) where T : IFloatingPointIeee754<T>
    {
        for (int r = 0; r < ids.Length; r++)
            for (int c = 0; c < C && ids[r] >= 0; c++)
                y[r * C + c] += table[ids[r] * C + c];
    }

    /// <summary>dTable[ids] += dY, rows in order.</summary>
    public static void ScatterAdd<T>(int[] ids, T[] dY, T[] dTable, int C) where T : IFloatingPointIeee754<T>
    {
        for (int r = 0; r < ids.Length; r++)
            for (int c = 0; c < C && ids[r] >= 0; c++)
                dTable[ids[r] * C + c] += dY[r * C + c];
    }
}
