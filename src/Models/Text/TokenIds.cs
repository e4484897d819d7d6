using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Collects tokens with their ids from JSON and checks that the ids are 0, 1, … without a gap.
/// </summary>
sealed class TokenIds(string path)
{
    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    readonly List<string> _special = [];

    /// <summary>Adds every field of <c>{ "token": id, … }</c>.</summary>
    internal void AddAll(JsonElement vocabulary)
    {
        foreach (JsonProperty token in vocabulary.EnumerateObject())
        {
            string name = Name(token, path);
            if (!_ids.TryAdd(name, Id(token.Value, name, path)))
                throw new UserException($"{Quoted.Path(path)}: token {Quoted.Name(name)} is there twice.");
        }
    }

    /// <summary>Adds a special token, or marks one of the vocabulary as special.</summary>
    internal void AddSpecial(string token, JsonElement id, string from) =>
        AddSpecial(token, Id(id, token, from), from);

    /// <summary>Adds a special token, or marks one of the vocabulary as special.</summary>
    internal void AddSpecial(string token, int id, string from)
    {
        if (!_ids.TryAdd(token, id) && _ids[token] != id)
            throw new UserException($"{Quoted.Path(from)}: token {Quoted.Name(token)} has id {id} here "
                + $"and {_ids[token]} in {Quoted.Path(path)}.");
        if (!_special.Contains(token))
            _special.Add(token);
    }

    /// <summary>GPT-2's own vocab.json does not say that its last token is special.</summary>
    internal void MarkEndOfText()
    {
        if (_ids.ContainsKey(BpeVocabulary.EndOfText) && !_special.Contains(BpeVocabulary.EndOfText))
            _special.Add(BpeVocabulary.EndOfText);
    }

    internal BpeVocabulary Vocabulary((string, string)[] merges, string mergesPath)
    {
        if (_ids.Count == 0)
            throw new UserException($"{Quoted.Path(path)}: the vocabulary is empty.");
        var tokens = new string[_ids.Count];
        foreach ((string token, int id) in _ids)
        {
            // Unique ids below the count have no gap, and nothing is allocated for a huge id.
            if (id >= tokens.Length)
                throw new UserException($"{Quoted.Path(path)}: token {Quoted.Name(token)} has id {id}; "
                    + $"expected the {tokens.Length} ids from 0 to {tokens.Length - 1}.");
            if (tokens[id] is not null)
                throw new UserException($"{Quoted.Path(path)}: id {id} is that of {Quoted.Name(tokens[id])} "
                    + $"and of {Quoted.Name(token)}.");
            tokens[id] = token;
        }
        var vocabulary = new BpeVocabulary(tokens, merges, [.. _special]);
        if (vocabulary.TokenProblem() is { } tokenProblem)
            throw new UserException($"{Quoted.Path(path)}: {tokenProblem}.");
        if (vocabulary.MergeProblem() is { } mergeProblem)
            throw new UserException($"{Quoted.Path(mergesPath)}: {mergeProblem}.");
        return vocabulary;
    }

    /// <summary>A JSON field's name.</summary>
    /// <exception cref="UserException">It holds half a surrogate pair.</exception>
    internal static string Name(JsonProperty property, string from)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new UserException($"{Quoted.Path(from)}: a token is not valid Unicode.", e);
        }
    }

    /// <summary>A JSON string's text.</summary>
    /// <exception cref="UserException">It holds half a surrogate pair.</exception>
    internal static string Text(JsonElement value, string from)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new UserException($"{Quoted.Path(from)}: a token is not valid Unicode.", e);
        }
    }

    static int Id(JsonElement value, string token, string from) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0
            ? id
            : throw new UserException($"{Quoted.Path(from)}: the id of {Quoted.Name(token)} is "
                + $"{Quoted.Line(value.GetRawText())}; expected a whole number from 0.");
}
