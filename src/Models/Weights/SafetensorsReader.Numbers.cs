using HeadTap.Runtime;

namespace HeadTap.Models;

// What is asked of a tensor's numbers without keeping them.
public sealed unsafe partial class SafetensorsReader
{
    /// <summary>Refuses a tensor that <paramref name="values"/>, a part of it, shows to hold NaN or
    /// infinity.</summary>
    /// <exception cref="UserException">It does; the line says where and how often.</exception>
    public void RequireFinite(string name, ReadOnlySpan<float> values)
    {
        if (!FiniteNumbers.All(values))
            throw new UserException($"{NonFinite(name)}. The file is damaged, or what wrote it overflowed; "
                + "fetch or make it again.");
    }

    /// <summary>What of a tensor is not finite: file, tensor, first index, how many; null if
    /// nothing.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="masked">Whether minus infinity is meant, as in masked scores.</param>
    internal string? NonFinite(string name, bool masked = false)
    {
        SafetensorsEntry entry = Find(name);
        return FiniteNumbers.Describe(entry.Shape, entry.Length, masked,
            (start, values) => Read(name, start, values)) is { } what
            ? $"{Quoted.Path(_path)}: {Quoted.Name(name)} {what}"
                + (entry.Dtype == SafetensorsDtype.F64 ? " in float32" : "") : null;
    }

    /// <summary>Whether two tensors of one shape hold the same numbers.</summary>
    /// <param name="name">A tensor of this file.</param>
    /// <param name="other">The other's file, which may be this one.</param>
    /// <param name="otherName">The other tensor.</param>
    internal bool SameNumbers(string name, SafetensorsReader other, string otherName)
    {
        (SafetensorsEntry a, SafetensorsEntry b) = (Find(name), other.Find(otherName));
        float[] ofA = new float[PieceLength], ofB = new float[PieceLength];
        for (long start = 0; start < a.Length; start += PieceLength)
        {
            int n = (int)Math.Min(PieceLength, a.Length - start);
            if (a.Dtype == b.Dtype)
            {
                if (!Bytes(a, start, n).SequenceEqual(other.Bytes(b, start, n)))
                    return false;
                continue;
            }
            Read(name, start, ofA.AsSpan(0, n));
            other.Read(otherName, start, ofB.AsSpan(0, n));
            if (!ofA.AsSpan(0, n).SequenceEqual(ofB.AsSpan(0, n)))
                return false;
        }
        return true;
    }

    ReadOnlySpan<byte> Bytes(SafetensorsEntry entry, long start, int n)
        => new(Source(entry, start, n), n * entry.Dtype.Bytes());
}
