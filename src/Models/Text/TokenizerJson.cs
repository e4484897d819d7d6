using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Reads Hugging Face's tokenizer.json as far as it describes GPT-2's tokenizer, and refuses the rest:
/// another normalizer or pre-tokenizer would give other tokens without a word.
/// </summary>
static class TokenizerJson
{
    /// <exception cref="UserException">The file is wrong or describes another kind of tokenizer.</exception>
    internal static BpeVocabulary Read(string path, TokenizerConfig config)
    {
        using JsonDocument json = InputFile.ReadJsonObject(path);
        JsonElement root = json.RootElement;
        JsonElement model = Field(root, "model", JsonValueKind.Object, path);
        CheckKind(root, model, path);

        var ids = new TokenIds(path);
        ids.AddAll(Field(model, "vocab", JsonValueKind.Object, path));
        if (IsSet(root, "added_tokens"))
        {
            JsonElement all = Field(root, "added_tokens", JsonValueKind.Array, path);
            foreach (JsonElement added in all.EnumerateArray())
                Add(ids, added, path);
        }
        config.Take(root);
        config.AddTo(ids);
        return ids.Vocabulary(
            Merges(Field(model, "merges", JsonValueKind.Array, path), path), path, config);
    }

    static void CheckKind(JsonElement root, JsonElement model, string path)
    {
        if (IsSet(model, "type") && Text(model.GetProperty("type"), path) is var type and not "BPE")
            throw new UserException(
                $"{Quoted.Path(path)}: the model is {Quoted.Name(type)}; expected \"BPE\".");
        if (IsSet(root, "normalizer") && !IsEmptySequence(root.GetProperty("normalizer"), "normalizers"))
            throw new UserException($"{Quoted.Path(path)}: has a normalizer; GPT-2's tokenizer has none.");
        foreach (string option in (string[])["dropout", "continuing_subword_prefix", "end_of_word_suffix",
            "byte_fallback", "ignore_merges"])
        {
            if (!IsSet(model, option)
                || model.GetProperty(option).GetRawText() is "\"\"" or "false" or "0.0" or "0")
                continue;
            throw new UserException(
                $"{Quoted.Path(path)}: model.{option} is set; GPT-2's tokenizer has none.");
        }
        // Without one there would be no byte alphabet either, and a space would have no token.
        if (PreTokenizer(root) is not { } pre || !IsSet(pre, "type")
            || Text(pre.GetProperty("type"), path) != "ByteLevel"
            || !IsOrAbsent(pre, "use_regex", JsonValueKind.True))
            throw new UserException($"{Quoted.Path(path)}: "
                + (IsSet(root, "pre_tokenizer") ? "another pre_tokenizer than" : "no pre_tokenizer like")
                + " GPT-2's; expected type ByteLevel with use_regex true.");
    }

    /// <summary>The pre-tokenizer, or the only one of a sequence; null if there is none.</summary>
    internal static JsonElement? PreTokenizer(JsonElement root)
    {
        if (!root.TryGetProperty("pre_tokenizer", out JsonElement pre)
            || pre.ValueKind != JsonValueKind.Object)
            return null;
        return pre.TryGetProperty("pretokenizers", out JsonElement all)
            && all.ValueKind == JsonValueKind.Array && all.GetArrayLength() == 1
            && all[0].ValueKind == JsonValueKind.Object ? all[0] : pre;
    }

    static bool IsEmptySequence(JsonElement json, string list) => json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(list, out JsonElement all) && all.ValueKind == JsonValueKind.Array
        && all.GetArrayLength() == 0;

    static void Add(TokenIds ids, JsonElement added, string path)
    {
        if (added.ValueKind != JsonValueKind.Object || !IsSet(added, "content") || !IsSet(added, "id"))
            throw new UserException($"{Quoted.Path(path)}: an added token has no content or no id.");
        ids.Add(TokenIds.Read(added, path), added.GetProperty("id"), path);
    }

    // Older files write "Ġ t", newer ones ["Ġ", "t"].
    static (string, string)[] Merges(JsonElement merges, string path)
    {
        var pairs = new (string, string)[merges.GetArrayLength()];
        int i = 0;
        foreach (JsonElement merge in merges.EnumerateArray())
        {
            string[] parts = merge.ValueKind == JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(part => Text(part, path))]
                : Text(merge, path).Split(' ');
            if (parts is not [{ Length: > 0 } left, { Length: > 0 } right])
                throw new UserException($"{Quoted.Path(path)}: merge {i + 1} is "
                    + $"{Quoted.Name(string.Join(' ', parts))}; expected two tokens.");
            pairs[i++] = (left, right);
        }
        return pairs;
    }

    static bool IsOrAbsent(JsonElement parent, string name, JsonValueKind kind) =>
        !IsSet(parent, name) || parent.GetProperty(name).ValueKind == kind;

    static bool IsSet(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    static JsonElement Field(JsonElement parent, string name, JsonValueKind kind, string path) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == kind
            ? value
            : throw new UserException($"{Quoted.Path(path)}: {name} is missing or not an {kind}"
                + "; is this a tokenizer.json of a GPT-2 model?");

    static string Text(JsonElement value, string path) => value.ValueKind == JsonValueKind.String
        ? TokenIds.Text(value, path)
        : throw new UserException($"{Quoted.Path(path)}: {Quoted.Line(value.GetRawText())} stands where "
            + "a string was expected.");
}
