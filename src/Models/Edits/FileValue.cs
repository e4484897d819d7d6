using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A tensor of a safetensors file or the array of an <c>.npy</c> file: a recording with a row for each place,
/// or one row for all.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Tensor">A name in it; null for <c>.npy</c>.</param>
public sealed record FileValue(string Path, string? Tensor) : EditValue
{
    const string LengthsTensor = "lengths";

    /// <summary>SHA-256 of the file where it was recorded; null where it was not.</summary>
    public string? Sha256 { get; init; }

    /// <summary>
    /// With <see cref="Position"/>: the batch row of the recording whose values serve all places; null for
    /// the recording as it is.
    /// </summary>
    public int? Row { get; init; }

    /// <summary>
    /// The position in that row; negative numbers count from the row's end.
    /// </summary>
    public int Position { get; init; }

    internal override (float[], int[]) Resolve(LanguageModel model)
    {
        (float[] values, int[] shape, int[]? lengths) = Read();
        if (Row is null)
            return (values, shape);
        (int start, int length) = OneRow(shape, lengths);
        return (values[start..(start + length)], [length]);
    }

    internal override int[] ShapeFor(ModelConfig config)
    {
        if (Tensor is null || Row is not null)
        {
            (_, int[] all, int[]? lengths) = Read();
            return Row is null ? all : [OneRow(all, lengths).Length];
        }
        using SafetensorsReader reader = SafetensorsReader.Open(Path);
        return ShapeIn(reader);
    }

    (float[] Values, int[] Shape, int[]? Lengths) Read()
    {
        if (Tensor is null)
        {
            (int[] extents, float[] array) = NpyFile.ReadFloats(Path);
            // As below: minus infinity may be that of masked scores.
            if (!FiniteNumbers.All(array) && FiniteNumbers.Describe([.. extents], array.Length, masked: true,
                (start, piece) => array.AsSpan((int)start, piece.Length).CopyTo(piece)) is { } which)
                throw new UserException($"edit value: {Quoted.Path(Path)}: {which}; expected numbers");
            return (array, extents, null);
        }
        using SafetensorsReader reader = SafetensorsReader.Open(Path);
        int[] shape = ShapeIn(reader);
        float[] values = new float[shape.Aggregate(1, (product, extent) => product * extent)];
        reader.Read(Tensor, values);
        // Recorded scores are minus infinity where masked; the site knows whether they are scores.
        if (!FiniteNumbers.All(values) && reader.NonFinite(Tensor, masked: true) is { } what)
            throw new UserException($"edit value: {what}; expected numbers");
        if (shape.Length < 3 || !reader.Contains(LengthsTensor)
            || !reader.Find(LengthsTensor).Shape.SequenceEqual([(long)shape[0]]))
            return (values, shape, null);
        int[] lengths = new int[shape[0]];
        reader.ReadInts(LengthsTensor, lengths);
        return (values, shape, lengths);
    }

    (int Start, int Length) OneRow(int[] shape, int[]? lengths)
    {
        int row = Row!.Value;
        if (shape.Length < 3)
            throw Wrong($"shape {Quoted.Shape(shape)} has no rows and positions; expected [B, T, ...]");
        if (row < 0 || row >= shape[0])
            throw Wrong($"row {row} does not exist; there are rows 0 to {shape[0] - 1}");
        // The file of a batch says how long its rows are; an array of one row has no padding.
        int tokens = lengths is not null ? Math.Clamp(lengths[row], 0, shape[1])
            : Position >= 0 || shape[0] == 1 ? shape[1]
            : throw Wrong($"position {Position} counts from the end of a row, and the file says no lengths; "
                + "expected a position from 0");
        int position = Position < 0 ? tokens + Position : Position;
        if (position < 0 || position >= tokens)
            throw Wrong($"row {row} has no position {Position}; it has {tokens}");
        int length = 1;
        foreach (int extent in shape.AsSpan(2))
            length = checked(length * extent);
        return (checked((row * shape[1] + position) * length), length);
    }

    UserException Wrong(string what)
        => new($"{Quoted.Path(Path)}{(Tensor is null ? "" : $": {Quoted.Name(Tensor)}")}: {what}");

    int[] ShapeIn(SafetensorsReader reader)
    {
        SafetensorsEntry entry = reader.Entries.FirstOrDefault(e => e.Name == Tensor)
            ?? throw new UserException(
            $"{Quoted.Path(Path)}: no tensor {Quoted.Name(Tensor!)}; it has "
            + Quoted.Names([.. reader.Entries.Select(e => e.Name)]));
        if (entry.Length > Array.MaxLength || entry.Shape.Any(extent => extent > int.MaxValue))
            throw new UserException(
                $"{Quoted.Path(Path)}: {Quoted.Name(Tensor!)} has shape {Quoted.Shape(entry.Shape)}; "
                + "expected the shape of a recording");
        return [.. entry.Shape.Select(extent => (int)extent)];
    }
}
