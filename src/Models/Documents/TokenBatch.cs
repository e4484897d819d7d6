using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>B rows of T tokens with the token that follows each.</summary>
/// <param name="Tokens">[B*T], row-major; after a row's length, the end-of-text token.</param>
/// <param name="Targets">[B*T]; -1 where the loss does not count.</param>
/// <param name="Lengths">[B], tokens in each row, 1 … T.</param>
/// <param name="B">Rows.</param>
/// <param name="T">Tokens a row.</param>
public sealed record TokenBatch(int[] Tokens, int[] Targets, int[] Lengths, int B, int T);

/// <summary>What one row of a batch is.</summary>
public enum TokenRows
{
    /// <summary>
    /// A window over all documents one after another, end-of-text between them; always full.
    /// </summary>
    Packed,

    /// <summary>
    /// One document and its end-of-text as last target, padded; a longer one is several rows.
    /// </summary>
    PerDocument,

    /// <summary>
    /// Documents in a new order every epoch, one after another, end-of-text between them; every row is full
    /// and begins with a document. A document that the row cuts off begins the next row, whole.
    /// </summary>
    /// <remarks>A model cannot learn which document follows which, as it can from
    /// <see cref="Packed"/>.</remarks>
    Shuffled,
}

/// <summary>How a dataset is cut into batches.</summary>
/// <param name="B">Rows a batch.</param>
/// <param name="T">Tokens a row.</param>
/// <param name="Rows">What a row is.</param>
/// <param name="Bos">Whether an end-of-text token stands before a document (<see
/// cref="TokenRows.PerDocument"/> only; in packed and shuffled rows it always does).</param>
public sealed record TokenBatchOptions(int B, int T, TokenRows Rows = TokenRows.Packed, bool Bos = false)
{
    /// <summary>Throws if an option is out of its range.</summary>
    /// <exception cref="UserException">The option, its value and its range.</exception>
    public void Validate()
    {
        if (B < 1 || T < 1 || (long)B * T > int.MaxValue)
            throw new UserException($"A batch of {B} rows of {T} tokens; expected at least 1 of each "
                + $"and at most {int.MaxValue} tokens together.");
    }
}

/// <summary>Where a training run stands in its data; a checkpoint keeps it.</summary>
/// <param name="Epoch">Passes over the data that are complete.</param>
/// <param name="Index">Rows of this pass that were used.</param>
public readonly record struct EpochPosition(int Epoch, int Index);
