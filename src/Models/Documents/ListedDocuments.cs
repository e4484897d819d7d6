using System.Security.Cryptography;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Documents whose ids are in memory.</summary>
sealed class ListedDocuments : DocumentSource
{
    readonly List<int[]> _documents = [];
    readonly List<int> _numbers = []; // in the list they came from
    readonly string _source, _unit;

    /// <summary>Keeps the documents that have ids.</summary>
    /// <exception cref="UserException">There is none.</exception>
    internal ListedDocuments(IEnumerable<int[]> documents, string source, string unit)
    {
        (_source, _unit) = (Quoted.Path(source), unit);
        int number = 0;
        foreach (int[] ids in documents)
        {
            if (ids.Length > 0)
            {
                _documents.Add(ids);
                _numbers.Add(number);
            }
            number++;
        }
        if (Count == 0)
            throw new UserException($"{_source}: there is no token in it; expected at least one {unit} with "
                + "one.");
    }

    public override string Origin => _source;

    public override int Count => _documents.Count;

    public override ReadOnlyMemory<int> Read(int document) => _documents[document];

    // Rows of ids count from 0, as in all other messages about them; documents of texts from 1.
    internal override string Name(int document) =>
        $"{_source}: {_unit} {_numbers[document] + (_unit == "row" ? 0 : 1)}";

    private protected override void AppendContent(IncrementalHash hash)
    {
        foreach (int[] ids in _documents)
            Append(hash, ids);
    }
}
