using System.Collections;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Pairs of prompts from a file, in the file's order, each with its place in the file.</summary>
/// <remarks>
/// <c>.csv</c>: one of the layouts that arXiv 2309.05605 published, recognised by its header
/// (<see cref="PublishedPairs"/>). <c>.jsonl</c>: one object per line (<see cref="PairLine"/>).
/// </remarks>
public sealed class PromptPairs : IReadOnlyList<PromptPair>
{
    readonly IReadOnlyList<PromptPair> _pairs;
    readonly IReadOnlyList<string> _places;

    PromptPairs(string path, IReadOnlyList<PromptPair> pairs, IReadOnlyList<string> places) =>
        (Path, _pairs, _places) = (path, pairs, places);

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public int Count => _pairs.Count;

    /// <inheritdoc/>
    public PromptPair this[int index] => _pairs[index];

    /// <summary>Returns the file and line of a pair, for messages: "pairs.csv line 3".</summary>
    public string Place(int index) => _places[index];

    /// <summary>Reads pairs from a file.</summary>
    /// <param name="path">Path of a <c>.csv</c> or <c>.tsv</c>, or of a <c>.jsonl</c> or <c>.ndjson</c>
    /// file.</param>
    /// <param name="remark">Called with one line about fields that were passed over; null for
    /// nobody.</param>
    /// <exception cref="UserException">The file cannot be read, has another extension, lacks a column or
    /// field, has a malformed row, or has no pair; the message names the place.</exception>
    public static PromptPairs Read(string path, Action<string>? remark = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var pairs = new List<PromptPair>();
        var places = new List<string>();
        IEnumerable<(PromptPair, string)> found =
            TextRecords.IsCsv(path) ? PublishedPairs.Read(path)
            : TextRecords.IsJsonLines(path) ? PairLine.Read(path, remark)
            : throw new UserException($"{Quoted.Path(path)}: pairs are read from .csv, .tsv, .jsonl and "
                + ".ndjson; expected a name that ends so");
        foreach ((PromptPair pair, string place) in found)
        {
            pairs.Add(Checked(pair, place));
            places.Add(place);
        }
        return pairs.Count > 0 ? new(path, pairs, places)
            : throw new UserException($"{Quoted.Path(path)}: there is no pair in it; expected at least one");
    }

    /// <summary>Writes pairs as JSONL, atomically; the same pairs give the same bytes.</summary>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<PromptPair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        AtomicFile.Write(path, stream =>
        {
            foreach (PromptPair pair in pairs)
                PairLine.Write(stream, pair);
        });
    }

    /// <inheritdoc/>
    public IEnumerator<PromptPair> GetEnumerator() => _pairs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    static PromptPair Checked(PromptPair pair, string place)
    {
        foreach ((string name, string text) in ((string, string)[])
            [("explicit prompt", pair.Explicit), ("obscure prompt", pair.Obscure), ("bridge", pair.Bridge),
            ("memory", pair.Memory), ("answer", pair.Answer)])
            if (text.Length == 0)
                throw new UserException($"{place}: the {name} is empty; expected text");
        // The published result files have answers with a leading space; with a second space another token
        // would be scored.
        return !char.IsWhiteSpace(pair.Answer[0]) ? pair
            : throw new UserException($"{place}: the answer {Quoted.Name(pair.Answer)} begins with a space; "
                + "leave it out, one is put before every answer");
    }
}
