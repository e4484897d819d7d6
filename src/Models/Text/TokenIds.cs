using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Collects tokens with their ids from JSON. Some ids may be skipped, as in Transformers: they have no token.
/// </summary>
sealed class TokenIds(string path)
{
    const int MostIds = 1 << 22; // the largest published vocabularies have 2^18; a list of all ids is kept

    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    readonly Dictionary<string, AddedToken> _added = new(StringComparer.Ordinal);

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

    /// <summary>Whether a token is known as an added one.</summary>
    internal bool IsAdded(string token) => _added.ContainsKey(token);

    /// <summary>Adds a token, or says that one of the vocabulary is an added one.</summary>
    internal void Add(AddedToken token, JsonElement id, string from) =>
        Add(token, Id(id, token.Text, from), from);

    /// <summary>
    /// Adds a token, or says that one of the vocabulary is an added one; what was said last counts.
    /// </summary>
    internal void Add(AddedToken token, int id, string from)
    {
        if (!_ids.TryAdd(token.Text, id) && _ids[token.Text] != id)
            throw new UserException($"{Quoted.Path(from)}: token {Quoted.Name(token.Text)} has id {id} here "
                + $"and {_ids[token.Text]} in {Quoted.Path(path)}.");
        _added[token.Text] = token;
    }

    /// <summary>Marks a token as special if the vocabulary has it.</summary>
    internal void MarkSpecial(AddedToken token)
    {
        if (_ids.ContainsKey(token.Text))
            _added[token.Text] = _added.TryGetValue(token.Text, out AddedToken? known)
                ? known with { Special = true } : token;
    }

    internal BpeVocabulary Vocabulary((string, string)[] merges, string mergesPath, TokenizerConfig config)
    {
        if (_ids.Count == 0)
            throw new UserException($"{Quoted.Path(path)}: the vocabulary is empty.");
        if (_ids.MaxBy(token => token.Value) is { Value: >= MostIds } last)
            throw new UserException($"{Quoted.Path(path)}: token {Quoted.Name(last.Key)} has id "
                + $"{last.Value}; expected ids below {MostIds}.");
        var tokens = new string[_ids.Values.Max() + 1];
        Array.Fill(tokens, "");
        foreach ((string token, int id) in _ids)
        {
            if (token.Length == 0)
                throw new UserException($"{Quoted.Path(path)}: token {id} is empty.");
            if (tokens[id].Length > 0)
                throw new UserException($"{Quoted.Path(path)}: id {id} is that of {Quoted.Name(tokens[id])} "
                    + $"and of {Quoted.Name(token)}.");
            tokens[id] = token;
        }
        (string? begin, string? file) = config.BeginToken(_ids.ContainsKey);
        var vocabulary = new BpeVocabulary(tokens, merges, [.. _added.Values])
        {
            AddPrefixSpace = config.AddPrefixSpace,
            BeginToken = begin,
            BeginTokenFile = file,
            OverruledBeginToken = config.OverruledBeginToken,
            BeginsTexts = begin is not null && config.BeginsTextsWith(begin),
        };
        if (vocabulary.TokenProblem() is { } tokenProblem)
            throw new UserException($"{Quoted.Path(path)}: {tokenProblem}.");
        if (vocabulary.MergeProblem() is { } mergeProblem)
            throw new UserException($"{Quoted.Path(mergesPath)}: {mergeProblem}.");
        return vocabulary;
    }

    /// <summary>An added token from its fields.</summary>
    /// <exception cref="UserException">A field is wrong.</exception>
    internal static AddedToken Read(JsonElement fields, string from, bool? special = null)
    {
        if (fields.ValueKind != JsonValueKind.Object
            || !fields.TryGetProperty("content", out JsonElement text)
            || text.ValueKind != JsonValueKind.String)
            throw new UserException($"{Quoted.Path(from)}: an added token has no content.");
        var json = new JsonFields(from, fields);
        bool isSpecial = special ?? json.Flag("special", false);
        return new AddedToken(Text(text, from), isSpecial)
        {
            LeftStrip = json.Flag("lstrip", false),
            RightStrip = json.Flag("rstrip", false),
            SingleWord = json.Flag("single_word", false),
            Normalized = json.Flag("normalized", !isSpecial),
        };
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

    /// <summary>An id.</summary>
    /// <exception cref="UserException">It is no whole number from 0.</exception>
    internal static int Id(JsonElement value, string token, string from) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id >= 0
            ? id
            : throw new UserException($"{Quoted.Path(from)}: the id of {Quoted.Name(token)} is "
                + $"{Quoted.Line(value.GetRawText())}; expected a whole number from 0.");
}
