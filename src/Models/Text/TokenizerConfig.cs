using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// What the files beside a vocabulary say about its tokens: added_tokens.json, tokenizer_config.json and
/// special_tokens_map.json, read in Transformers' order.
/// </summary>
sealed class TokenizerConfig
{
    const int LargestBytes = 64 << 20;
    const string ConfigFile = "tokenizer_config.json";
    const string MapFile = "special_tokens_map.json";
    const string AddedFile = "added_tokens.json";

    static readonly string[] Roles =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    // Classes whose vocab.json and merges.txt are cut and merged as GPT-2's.
    static readonly string[] ByteLevelClasses =
        ["GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer", "RobertaTokenizer", "BartTokenizer",
            "LongformerTokenizer", "LEDTokenizer"];

    // Classes that say nothing about the tokenizer: its files do.
    static readonly string[] AnyClasses = ["PreTrainedTokenizer", "TokenizersBackend", "AutoTokenizer"];

    readonly string _folder;
    readonly List<(string Text, int Id)> _added = [];             // added_tokens.json
    readonly List<(AddedToken Token, int Id)> _decoder = [];      // tokenizer_config.json
    readonly Dictionary<string, AddedToken> _named = new(StringComparer.Ordinal); // tokens with a role
    readonly bool? _prefixSpace;
    readonly bool _beginsTexts;

    string? _class;
    bool _jsonPrefixSpace;
    string? _template;
    (bool Given, string? Text) _configBegin, _mapBegin;

    TokenizerConfig(string folder)
    {
        _folder = folder;
        ReadMap(MapFile, map => _mapBegin = ReadRoles(map, MapFile));
        bool hasDecoder = false;
        bool? prefixSpace = null;
        bool beginsTexts = false;
        ReadMap(ConfigFile, config =>
        {
            _configBegin = ReadRoles(config, ConfigFile);
            var fields = new JsonFields(PathOf(ConfigFile), config);
            _class = fields.Text("tokenizer_class", null);
            if (fields.Has("add_prefix_space"))
                prefixSpace = fields.Flag("add_prefix_space", false);
            beginsTexts = fields.Flag("add_bos_token", false);
            hasDecoder = config.TryGetProperty("added_tokens_decoder", out JsonElement decoder);
            if (hasDecoder)
                ReadDecoder(decoder);
        });
        (_prefixSpace, _beginsTexts) = (prefixSpace, beginsTexts);
        // Without added_tokens_decoder a folder is an old one: there the map of special tokens wins.
        if (_configBegin.Given && _mapBegin.Given && _configBegin.Text != _mapBegin.Text)
            OverruledBeginToken = hasDecoder ? (_mapBegin.Text, MapFile) : (_configBegin.Text, ConfigFile);
        if (!hasDecoder && _mapBegin.Given)
            _configBegin = (false, null);
        ReadMap(AddedFile, added =>
        {
            foreach (JsonProperty token in added.EnumerateObject())
                _added.Add((TokenIds.Name(token, PathOf(AddedFile)),
                    TokenIds.Id(token.Value, token.Name, PathOf(AddedFile))));
        });
    }

    /// <summary>Reads the files that a folder has.</summary>
    /// <exception cref="UserException">A file is wrong; the line names it.</exception>
    internal static TokenizerConfig Read(string folder) => new(folder);

    /// <summary>Whether a space is put before a text.</summary>
    internal bool AddPrefixSpace => _prefixSpace ?? _jsonPrefixSpace;

    /// <summary>Refuses a class that reads a vocabulary and its merges in another way. tokenizer.json needs
    /// no such check: it says itself how it is read.</summary>
    /// <exception cref="UserException">The config names such a class.</exception>
    internal void RequireByteLevel()
    {
        if (_class is null || ByteLevelClasses.Concat(AnyClasses).Any(name => _class == name
            || _class == name + "Fast"))
            return;
        throw new UserException($"{Quoted.Path(PathOf(ConfigFile))}: tokenizer_class is "
            + $"{Quoted.Name(_class)}; expected a byte-level BPE tokenizer, such as \"GPT2Tokenizer\". "
            + "Another one would cut texts into other tokens; give token ids.");
    }

    /// <summary>Takes over what tokenizer.json says about the same.</summary>
    internal void Take(JsonElement tokenizerJson)
    {
        if (TokenizerJson.PreTokenizer(tokenizerJson) is { } pre)
            _jsonPrefixSpace =
                new JsonFields(PathOf("tokenizer.json"), pre).Flag("add_prefix_space", false);
        if (tokenizerJson.TryGetProperty("post_processor", out JsonElement post))
            _template = FirstOfTemplate(post);
    }

    /// <summary>Adds the tokens of the files to those of a vocabulary, or marks them there.</summary>
    /// <exception cref="UserException">Two files disagree about an id.</exception>
    internal void AddTo(TokenIds ids)
    {
        foreach ((string text, int id) in _added)
            if (!ids.IsAdded(text))
                ids.Add(_named.GetValueOrDefault(text)
                    ?? (text == BpeVocabulary.EndOfText ? new AddedToken(text)
                        : new AddedToken(text, Special: false) { Normalized = true }), id, PathOf(AddedFile));
        foreach ((AddedToken token, int id) in _decoder)
            ids.Add(token, id, PathOf(ConfigFile));
        foreach (AddedToken token in _named.Values)
            ids.MarkSpecial(token);
        // GPT-2's own vocab.json does not say that its last token is special.
        ids.MarkSpecial(new AddedToken(BpeVocabulary.EndOfText));
    }

    /// <summary>The token that begins a text, and the file that says so.</summary>
    /// <param name="known">Whether the vocabulary has a token.</param>
    internal (string? Token, string? File) BeginToken(Func<string, bool> known) =>
        _configBegin.Given ? (_configBegin.Text, ConfigFile)
        : _mapBegin.Given ? (_mapBegin.Text, MapFile)
        : (known(BpeVocabulary.EndOfText) ? BpeVocabulary.EndOfText : null, null);

    /// <summary>Another token, or none, that a file names which does not decide; null if none
    /// does.</summary>
    internal (string? Token, string File)? OverruledBeginToken { get; }

    /// <summary>Whether the tokenizer itself puts the token before every text.</summary>
    internal bool BeginsTextsWith(string token) => _beginsTexts || _template == token;

    // "post_processor": { "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<s>" } }, …] }
    static string? FirstOfTemplate(JsonElement post)
    {
        if (post.ValueKind != JsonValueKind.Object)
            return null;
        if (post.TryGetProperty("processors", out JsonElement all) && all.ValueKind == JsonValueKind.Array)
            return all.EnumerateArray().Select(FirstOfTemplate).FirstOrDefault(first => first is not null);
        return post.TryGetProperty("single", out JsonElement single)
            && single.ValueKind == JsonValueKind.Array && single.GetArrayLength() > 0
            && single[0].ValueKind == JsonValueKind.Object
            && single[0].TryGetProperty("SpecialToken", out JsonElement token)
            && token.ValueKind == JsonValueKind.Object && token.TryGetProperty("id", out JsonElement id)
            && id.ValueKind == JsonValueKind.String ? id.GetString() : null;
    }

    string PathOf(string file) => Path.Combine(_folder, file);

    void ReadMap(string file, Action<JsonElement> read)
    {
        if (!File.Exists(PathOf(file)))
            return;
        using JsonDocument json = InputFile.ReadJsonObject(PathOf(file), LargestBytes);
        read(json.RootElement);
    }

    // Returns the begin-of-text token; one that is null is given too: there is none.
    (bool Given, string? Text) ReadRoles(JsonElement map, string file)
    {
        foreach (string role in Roles)
            if (map.TryGetProperty(role, out JsonElement token))
                AddNamed(token, role, file);
        foreach (string list in (string[])["additional_special_tokens", "extra_special_tokens"])
        {
            if (!map.TryGetProperty(list, out JsonElement tokens))
                continue;
            if (tokens.ValueKind == JsonValueKind.Array)
                foreach (JsonElement token in tokens.EnumerateArray())
                    AddNamed(token, list, file);
            else if (tokens.ValueKind == JsonValueKind.Object)
                foreach (JsonProperty token in tokens.EnumerateObject())
                    AddNamed(token.Value, list, file);
        }
        return map.TryGetProperty("bos_token", out JsonElement begin) ? (true, TextOf(begin, file)) : default;
    }

    void AddNamed(JsonElement token, string role, string file)
    {
        if (token.ValueKind == JsonValueKind.Null)
            return;
        if (token.ValueKind is not (JsonValueKind.String or JsonValueKind.Object))
            throw new UserException($"{Quoted.Path(PathOf(file))}: {role} is "
                + $"{Quoted.Line(token.GetRawText())}; expected a token.");
        string? text = TextOf(token, file);
        if (!string.IsNullOrEmpty(text))
            _named[text] = token.ValueKind == JsonValueKind.Object
                ? TokenIds.Read(token, PathOf(file), special: true) : new AddedToken(text);
    }

    string? TextOf(JsonElement token, string file) => token.ValueKind switch
    {
        JsonValueKind.String => TokenIds.Text(token, PathOf(file)),
        JsonValueKind.Object => TokenIds.Read(token, PathOf(file)).Text,
        _ => null,
    };

    // "added_tokens_decoder": { "50256": { "content": "<|endoftext|>", ... } }
    void ReadDecoder(JsonElement decoder)
    {
        string path = PathOf(ConfigFile);
        if (decoder.ValueKind != JsonValueKind.Object)
            throw new UserException($"{Quoted.Path(path)}: added_tokens_decoder is not an object.");
        foreach (JsonProperty token in decoder.EnumerateObject())
        {
            if (!int.TryParse(TokenIds.Name(token, path), out int id) || id < 0
                || token.Value.ValueKind != JsonValueKind.Object
                || !token.Value.TryGetProperty("content", out JsonElement content)
                || content.ValueKind != JsonValueKind.String)
                throw new UserException($"{Quoted.Path(path)}: an entry of added_tokens_decoder is wrong; "
                    + "expected an id with its content.");
            _decoder.Add((TokenIds.Read(token.Value, path), id));
        }
    }
}
