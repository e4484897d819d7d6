using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Which documents are held out.</summary>
static class DocumentSplit
{
    const ulong ValidationStream = 0x76616C6964; // "valid": apart from the streams of other parts of a run

    /// <summary>A seeded share of the documents, at least one, and the others; both ascending.</summary>
    /// <exception cref="UserException">There is one document only, or the share is not between 0 and
    /// 1.</exception>
    internal static (int[] Train, int[] Validation) Choose(int documents, double share, ulong seed)
    {
        if (!(share > 0 && share < 1))
            throw new UserException($"validation: share {share}; expected a number between 0 and 1.");
        if (documents < 2)
            throw new UserException($"validation: share of {documents} document; expected at least 2. "
                + "Separate the documents by <|endoftext|>, or give validation files.");
        int[] order = [.. Enumerable.Range(0, documents)];
        new SeededRandom(seed, ValidationStream).Shuffle(order.AsSpan());
        int count = Math.Clamp((int)Math.Round(share * documents), 1, documents - 1);
        int[] validation = order[..count], train = order[count..];
        Array.Sort(validation);
        Array.Sort(train);
        return (train, validation);
    }
}
