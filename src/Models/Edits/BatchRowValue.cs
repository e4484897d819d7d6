using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// One batch row of a recording, for a text of a batch that runs by itself: there it is row 0, and its values
/// are
/// still those of its own row. A recording of one row, and one row of numbers, serve every text.
/// </summary>
/// <param name="Of">The recording.</param>
/// <param name="BatchRow">The text's row in the batch.</param>
sealed record BatchRowValue(EditValue Of, int BatchRow) : EditValue
{
    internal override EditValue ForSite(Site site) => this with { Of = Of.ForSite(site) };

    internal override (float[] Values, int[] Shape) Resolve(LanguageModel model)
    {
        (float[] values, int[] shape) = Of.Resolve(model);
        if (!HasRows(shape))
            return (values, shape);
        int length = values.Length / shape[0];
        return (values[(BatchRow * length)..((BatchRow + 1) * length)], [1, .. shape[1..]]);
    }

    internal override int[]? ShapeFor(ModelConfig config)
    {
        int[]? shape = Of.ShapeFor(config); // once: it may be read from a file
        return shape is not null && HasRows(shape) ? [1, .. shape[1..]] : shape;
    }

    bool HasRows(int[] shape)
    {
        if (shape.Length < 3 || shape[0] <= 1)
            return false;
        return BatchRow < shape[0] ? true : throw new UserException(
            $"edit value: shape {Quoted.Shape(shape)} has no row {BatchRow}; expected one row, or one for "
                + "each text");
    }
}
