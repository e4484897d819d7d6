using System.Buffers;
using System.Globalization;
using System.Text;

namespace HeadTap.Serve;

/// <summary>Writes tokens as OpenAI's completions do.</summary>
/// <param name="model">Whose tokens.</param>
/// <param name="asIds">Whether each is written as <c>token_id:N</c>.</param>
sealed class TokenTexts(ResidentModel model, bool asIds)
{
    /// <summary>A token: its text, or <c>bytes:\xe2\x80</c> where its bytes are no whole
    /// characters.</summary>
    internal string Of(int id)
    {
        if (asIds || model.Tokenizer is null)
            return string.Create(CultureInfo.InvariantCulture, $"token_id:{id}");
        byte[] bytes = model.Tokenizer.DecodeBytes([id]);
        var text = new StringBuilder();
        ReadOnlySpan<byte> rest = bytes;
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(rest, out Rune rune, out int length) != OperationStatus.Done)
                return "bytes:" + string.Concat(bytes.Select(b => $"\\x{b:x2}"));
            text.Append(rune);
            rest = rest[length..];
        }
        return text.ToString();
    }

    /// <summary>A token's bytes in a text: none for special tokens, and none without a tokenizer.</summary>
    internal byte[] BytesOf(int id) => IsText(id) ? model.Tokenizer!.DecodeBytes([id]) : [];

    /// <summary>The bytes of several tokens.</summary>
    internal byte[] BytesOf(IEnumerable<int> ids)
        => model.Tokenizer?.DecodeBytes([.. ids.Where(IsText)]) ?? [];

    bool IsText(int id) => model.Tokenizer is { } tokenizer && !tokenizer.SpecialTokenIds.Contains(id);

    /// <summary>Characters (code points) of some bytes; bytes that begin none count with the character that
    /// they belong to.</summary>
    internal static int Characters(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        foreach (byte b in bytes)
            count += (b & 0xC0) != 0x80 ? 1 : 0;
        return count;
    }
}
