namespace HeadTap.Models;

/// <summary>How a checkpoint stores the elements of a parameter that memory holds as its <see cref="Role"/>
/// says.</summary>
public enum StoredForm
{
    /// <summary>As in memory; matrices are [inputs, outputs].</summary>
    AsInMemory,

    /// <summary>The matrix transposed, [outputs, inputs].</summary>
    Transposed,

    /// <summary>
    /// q, k and v of one head after the other, [head][q, k, v][d], where memory has [q, k, v][head][d]; a
    /// matrix is transposed as well.
    /// </summary>
    QkvByHead,
}

/// <summary>Takes parameters from a checkpoint's form to memory's and back. Only the order changes.</summary>
static class StoredForms
{
    /// <summary>The shape in the checkpoint.</summary>
    internal static int[] ShapeOf(ParameterSlice slice)
        => slice.Stored == StoredForm.AsInMemory || slice.Shape.Length == 1
            ? slice.Shape : [slice.Shape[1], slice.Shape[0]];

    /// <summary>Puts the elements of a checkpoint's tensor in the order of memory.</summary>
    internal static void ToMemory(
        ParameterSlice slice, int heads, ReadOnlySpan<float> stored, Span<float> memory)
    {
        (int inputs, int outputs) = Extents(slice);
        for (int o = 0; o < outputs; o++)
        {
            int at = Output(slice, o, outputs, heads);
            for (int i = 0; i < inputs; i++)
                memory[i * outputs + at] = stored[o * inputs + i];
        }
    }

    /// <summary>The inverse of <see cref="ToMemory"/>.</summary>
    internal static void ToStored(
        ParameterSlice slice, int heads, ReadOnlySpan<float> memory, Span<float> stored)
    {
        (int inputs, int outputs) = Extents(slice);
        for (int o = 0; o < outputs; o++)
        {
            int at = Output(slice, o, outputs, heads);
            for (int i = 0; i < inputs; i++)
                stored[o * inputs + i] = memory[i * outputs + at];
        }
    }

    // A bias is a matrix of one input.
    static (int Inputs, int Outputs) Extents(ParameterSlice slice)
        => slice.Shape.Length == 1 ? (1, slice.Shape[0]) : (slice.Shape[0], slice.Shape[1]);

    // Where the checkpoint's output o lies in memory.
    static int Output(ParameterSlice slice, int o, int outputs, int heads)
    {
        if (slice.Stored != StoredForm.QkvByHead)
            return o;
        int D = outputs / (3 * heads);
        (int head, int which, int d) = (o / (3 * D), o / D % 3, o % D);
        return (which * heads + head) * D + d;
    }
}
