using System.Security.Cryptography;

namespace HeadTap.Models;

/// <summary>Some documents of a source.</summary>
/// <param name="all">Where they are.</param>
/// <param name="chosen">Documents of it, at least one.</param>
sealed class ChosenDocuments(DocumentSource all, int[] chosen) : DocumentSource
{
    public override string Origin => all.Origin;

    public override int Count => chosen.Length;

    public override ReadOnlyMemory<int> Read(int document) => all.Read(chosen[document]);

    internal override string Name(int document) => all.Name(chosen[document]);

    private protected override void AppendContent(IncrementalHash hash)
    {
        Append(hash, all.Hash);
        Append(hash, chosen);
    }
}
