using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary><c>/tokenize</c> and <c>/detokenize</c>, with vLLM's fields.</summary>
sealed class TokenRoutes(ServedModels models)
{
    internal IEnumerable<Route> All() =>
    [
        new("POST", "/tokenize", Right.Query, RouteBody.Json, Tokenize),
        new("POST", "/detokenize", Right.Query, RouteBody.Json, Detokenize),
    ];

    // {"model", "prompt", "add_special_tokens", "return_token_strs"}. No model here adds a token by itself;
    // the field is taken so that clients of vLLM work, and true would be a promise that is not kept.
    Task<Reply?> Tokenize(Call call)
    {
        var fields = new JsonFieldsOfBody(call.Body);
        ServedModel model = models.Find(fields.Text("model"));
        string text = fields.Required("prompt");
        bool strings = fields.Flag("return_token_strs", false);
        bool special = fields.Flag("parse_special", false);
        _ = fields.Flag("add_special_tokens", false);
        fields.RequireNoOther();
        ByteBpeTokenizer tokenizer = TokenizerOf(model);
        int[] ids = tokenizer.Encode(text, special);
        var body = new JsonObject
        {
            ["count"] = ids.Length,
            ["max_model_len"] = model.Card.Context,
            ["tokens"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]),
            ["token_strs"] = strings
                ? new JsonArray([.. ids.Select(id => (JsonNode)tokenizer.Vocabulary.Tokens[id])]) : null,
        };
        return Task.FromResult<Reply?>(new JsonReply(200, body));
    }

    // {"model", "tokens"}. Bytes that are no whole character are told beside the text, which has U+FFFD.
    Task<Reply?> Detokenize(Call call)
    {
        var fields = new JsonFieldsOfBody(call.Body);
        ServedModel model = models.Find(fields.Text("model"));
        JsonElement tokens = fields.Get("tokens")
            ?? throw ApiError.BadRequest("\"tokens\" is missing; expected a list of token ids", "tokens");
        fields.RequireNoOther();
        ByteBpeTokenizer tokenizer = TokenizerOf(model);
        if (tokens.ValueKind != JsonValueKind.Array)
            throw JsonFieldsOfBody.Wrong("tokens", tokens, "a list of token ids");
        int[] ids = [.. tokens.EnumerateArray().Select((id, i) => Id(id, i, tokenizer))];
        var body = new JsonObject { ["prompt"] = tokenizer.Decode(ids) };
        byte[] bytes = tokenizer.DecodeBytes(ids);
        if (!System.Text.Unicode.Utf8.IsValid(bytes))
            body["headtap"] = new JsonObject { ["bytes"] = Convert.ToBase64String(bytes) };
        return Task.FromResult<Reply?>(new JsonReply(200, body));
    }

    static int Id(JsonElement value, int at, ByteBpeTokenizer tokenizer)
        => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id)
            && id >= 0 && id < tokenizer.VocabSize ? id
            : throw ApiError.BadRequest($"token {at} is {Quoted.Json(value)}; expected a whole number from "
                + $"0 to {tokenizer.VocabSize - 1}", "tokens");

    static ByteBpeTokenizer TokenizerOf(ServedModel model) => model.Tokenizer
        ?? throw ApiError.BadRequest($"the model {Quoted.Name(model.Card.Name)} has no tokenizer", "model");
}
