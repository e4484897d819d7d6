using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>Texts as OpenAI's requests give them: a text, texts, token ids, or lists of them.</summary>
static class PromptRows
{
    /// <summary>Returns the token ids of each text.</summary>
    /// <param name="f">The request.</param>
    /// <param name="field">The field that holds them.</param>
    /// <param name="value">Its value.</param>
    /// <param name="model">Whose tokens they become.</param>
    /// <param name="begin">Whether the begin-of-text token stands before texts; null for what the model
    /// expects. Token ids are taken as they are.</param>
    /// <exception cref="BadRequestException">It has another form, is empty, or an id does not
    /// exist.</exception>
    internal static IReadOnlyList<int[]> Read(
        RequestFields f, string field, JsonElement value, ResidentModel model, bool? begin)
    {
        IReadOnlyList<int[]> rows = value.ValueKind switch
        {
            JsonValueKind.String => [Encode(RequestFields.StringOf(value, field), field, model, begin)],
            JsonValueKind.Array when value.GetArrayLength() > 0 => value[0].ValueKind switch
            {
                JsonValueKind.Number => [f.Ints(value, field)],
                JsonValueKind.Array => [.. value.EnumerateArray().Select(row => f.Ints(row, field))],
                JsonValueKind.String => [.. value.EnumerateArray().Select(text =>
                    text.ValueKind == JsonValueKind.String
                        ? Encode(RequestFields.StringOf(text, field), field, model, begin)
                        : throw Wrong(f, field))],
                _ => throw Wrong(f, field),
            },
            _ => throw Wrong(f, field),
        };
        foreach (int[] row in rows)
        {
            if (row.Length == 0)
                throw new BadRequestException($"{field} is empty; expected at least one token", field);
            foreach (int id in row)
                if (id < 0 || id >= model.Config.VocabSize)
                    throw new BadRequestException($"{field} has token id {id}; expected 0 to "
                        + $"{model.Config.VocabSize - 1}", field);
        }
        return rows;
    }

    static BadRequestException Wrong(RequestFields f, string field)
        => f.Bad(field, "a text, a list of texts, token ids, or lists of token ids");

    static int[] Encode(string text, string field, ResidentModel model, bool? begin)
    {
        try
        {
            return model.Encode(text, begin);
        }
        catch (UserException e)
        {
            throw new BadRequestException(e.Message, field);
        }
    }
}
