using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Reads texts for a model: the one place that knows its tokenizer, its begin-of-text token and the rules of
/// the call. Remarks on what a user may not have meant, each once.
/// </summary>
sealed class ModelText
{
    readonly TextRules _rules;
    readonly TextFields _fields;
    readonly JobContext? _context;
    readonly ModelConfig? _config;
    readonly BeginOfText _begin;
    bool _saidWithout, _saidKept;

    ModelText(string folder, ModelConfig? config, TextRules rules, JobContext? context)
    {
        (Folder, _config, _rules, _context) = (folder, config, rules, context);
        _fields = TextFields.Parse(rules.Fields, nameof(rules.Fields));
        Tokenizer = ByteBpeTokenizer.ExistsIn(folder)
            ? ByteBpeTokenizer.Load(folder).With(rules.Special, OnceOf(SpecialLeft)) : null;
        _begin = BeginOfText.Of(folder, config, Tokenizer);
        Bos = rules.BosToken is { } named
            ? BeginOfText.Named(named, config, Tokenizer, nameof(rules.BosToken))
            : !rules.Bos ? null
            : _begin.Token ?? throw new UserException(
                $"{folder}: config.json has no bos_token_id that is in the vocabulary, and "
                + (Tokenizer?.Vocabulary.NamedBeginToken is { } beyond
                    ? $"{Quoted.Name(beyond)}, which the tokenizer's files name, is no token of the model"
                    : "no tokenizer file names a begin-of-text token")
                + $"; leave {Field.Of(nameof(rules.Bos))} out, or name one with "
                + $"{Field.Of(nameof(rules.BosToken))}");
        if (rules is { Bos: true, BosToken: null } && _begin.Disagreement is { } line)
            context?.Say($"{line}; {Field.Of(nameof(rules.BosToken))} takes another");
    }

    /// <summary>Folder of the model.</summary>
    public string Folder { get; }

    /// <summary>Sizes of the model.</summary>
    public ModelConfig Config => _config ?? ModelFolder.ReadConfig(Folder); // which says why

    /// <summary>Tokenizer, with the rule for special tokens; null if the folder has none.</summary>
    public ByteBpeTokenizer? Tokenizer { get; }

    /// <summary>Token id that is put before each text; null for none.</summary>
    public int? Bos { get; }

    /// <summary>
    /// Token id that begins a text where a method needs one whatever the call says; null for none.
    /// </summary>
    public int? Begin => Bos ?? _begin.Token;

    /// <summary>Opens the tokenizer of a model.</summary>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="config">Its config; null for a tokenizer without a model.</param>
    /// <param name="rules">Rules of the call.</param>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <exception cref="UserException">A file is wrong, or there is no begin-of-text token.</exception>
    public static ModelText Open(
        string folder, ModelConfig? config, TextRules rules, JobContext? context)
        => new(folder, config, rules, context);

    /// <summary>
    /// Opens a tokenizer that needs no model beside it. Its config matters only for the begin-of-text token.
    /// </summary>
    /// <exception cref="UserException">A file is wrong, or there is no begin-of-text token.</exception>
    public static ModelText OpenTokenizer(string folder, TextRules rules, JobContext? context)
        => new(folder, (rules.Bos || rules.BosToken is not null)
            && File.Exists(Path.Combine(folder, "config.json")) ? ModelFolder.ReadConfig(folder) : null,
            rules, context);

    /// <summary>Returns the tokenizer.</summary>
    /// <exception cref="UserException">The folder has none.</exception>
    public ByteBpeTokenizer Required()
    {
        if (Tokenizer is not null)
            return Tokenizer;
        if (_config is not null) // a folder of another program lacks more than the tokenizer
            ModelFolder.RequireWeights(Folder);
        return ByteBpeTokenizer.Load(Folder); // which says why
    }

    /// <summary>Returns the tokens of a text, with the begin-of-text token if there is to be one.</summary>
    /// <exception cref="UserException">The folder has no tokenizer, or it lacks a byte of the
    /// text.</exception>
    public int[] Row(string text) => Row(Required().Encode(text));

    /// <summary>
    /// Returns a row of tokens, with the begin-of-text token if there is to be one; a row that begins with it
    /// keeps the one that it has, and a remark says so once.
    /// </summary>
    public int[] Row(int[] ids)
    {
        int[] row = BeginOfText.Before(ids, Bos);
        if (Bos is { } bos && row.Length == ids.Length && !_saidKept)
        {
            _context?.Say($"a text begins with the begin-of-text token {Named(bos)} already, and keeps one");
            _saidKept = true;
        }
        return row;
    }

    /// <summary>
    /// Says once that the model was trained with a begin-of-text token that these rows do not begin with, or
    /// that its tokenizer puts one there.
    /// </summary>
    public void RemarkWithout(IEnumerable<int[]> rows)
    {
        if (_saidWithout || Bos is not null || !_begin.IsExpected || _begin.Token is not { } token
            || rows.All(row => row.Length > 0 && row[0] == token))
            return;
        _saidWithout = true;
        string who = _begin.BySetting ? "the model's tokenizer puts" : "the model was trained with";
        _context?.Say($"{who} token {Named(token)} before every text, and this call puts none there; "
            + $"{Field.Of(nameof(_rules.Bos))} does");
    }

    string Named(int token) => token.ToString(CultureInfo.InvariantCulture)
        + (Tokenizer?.HasToken(token) == true ? $" {Quoted.Name(Tokenizer.Vocabulary.Tokens[token])}" : "");

    /// <summary>Makes a remark that names fields of options.</summary>
    public void Say(string line) => _context?.Say(line);

    /// <summary>Reads texts as prompts: of a prompt and its continuation, the prompt.</summary>
    /// <param name="path">A .jsonl, .json, .csv or text file.</param>
    /// <exception cref="UserException">The file cannot be read or has another form.</exception>
    public IReadOnlyList<string> Prompts(string path)
    {
        IReadOnlyList<TextRecord> records =
            TextRecords.Read(path, _fields, _rules.Lines, _context?.Remark, prompts: true);
        if (!TextRecords.IsTable(path))
            SayHow(path, records);
        RemarkOnName(path);
        return [.. records.Select(record => record.Text)];
    }

    /// <summary>Reads texts as documents: a prompt and its continuation are one.</summary>
    /// <exception cref="UserException">The file cannot be read or has another form.</exception>
    public IReadOnlyList<string> Documents(string path)
    {
        RemarkOnName(path);
        return TextDocuments.Read(path, _fields, _rules.Lines, _context?.Remark);
    }

    /// <summary>Reads documents as tokens, without a begin-of-text token.</summary>
    /// <exception cref="UserException">A file cannot be read or has another form.</exception>
    public DocumentSource Source(IEnumerable<string> paths)
    {
        string[] files = [.. paths];
        foreach (string file in files)
            RemarkOnName(file);
        return DocumentSource.FromFiles(files, Required(), _fields, _rules.Lines, _context?.Remark);
    }

    /// <summary>Reads rows of token ids or texts.</summary>
    /// <exception cref="UserException">The file cannot be read or has another form.</exception>
    public IReadOnlyList<int[]> Batch(string path)
        => TokenRowsFile.Read(path, Tokenizer is null ? null : text => Tokenizer.Encode(text));

    /// <summary>Refuses rows of a file that do not fit the model, and names the first such row.</summary>
    /// <exception cref="UserException">A row is longer than the context, or has a token outside the
    /// vocabulary.</exception>
    public void RequireFit(string path, IReadOnlyList<IReadOnlyList<int>> rows)
    {
        foreach ((int at, IReadOnlyList<int> row) in rows.Index())
        {
            string place = $"{Quoted.Path(path)}: row {at}";
            if (row.Count > Config.ContextLength)
                throw new UserException($"{place} has {row.Count} tokens; the model's context ends at "
                    + $"{Config.ContextLength}");
            foreach (int id in row)
                if (id < 0 || id >= Config.VocabSize)
                    throw new UserException($"{place} has token id {id}; the model's vocabulary is 0 to "
                        + $"{Config.VocabSize - 1}");
        }
    }

    /// <summary>Reads a file of sequences.</summary>
    /// <exception cref="UserException">The file cannot be read or has another form.</exception>
    public IReadOnlyList<Unlearn.PlantedSequence> Sequences(string path)
    {
        IReadOnlyList<Unlearn.PlantedSequence> found = Unlearn.SequenceFile.Read(path, Config.VocabSize,
            Tokenizer, new Unlearn.SequenceReading(_fields, Bos, _context?.Remark));
        RemarkWithout(found.Select(s => s.Ids));
        return found;
    }

    void RemarkOnName(string path)
    {
        if (_context is not null && RowsByAnotherName.Remark(path) is { } line)
            _context.Say(line);
    }

    void SayHow(string path, IReadOnlyList<TextRecord> records)
    {
        string name = Quoted.Path(path);
        if (_rules.Lines)
        {
            _context?.Say($"{name}: {Counted.Of(records.Count, "prompt")}, one a line");
            return;
        }
        string text = records[0].Text;
        bool ends = text.EndsWith('\n');
        int lines = text.Count(c => c == '\n') + (ends ? 0 : 1);
        if (lines > 1)
            _context?.Say($"{name}: one prompt of {lines} lines"
                + (ends ? ", with the line break at its end" : "") + $"; {Field.Of(nameof(_rules.Lines))} "
                + "makes each line a prompt");
        else if (ends)
            _context?.Say($"{name}: the line break at its end is part of the prompt; "
                + $"{Field.Of(nameof(_rules.Lines))} leaves it out");
    }

    void SpecialLeft(string token) => _context?.Say($"a text spells the special token {Quoted.Name(token)} "
        + $"and stays text; {Field.Of(nameof(_rules.Special))} makes it that token");

    // Texts may be encoded on several threads.
    static Action<string> OnceOf(Action<string> say)
    {
        int said = 0;
        return token =>
        {
            if (Interlocked.Exchange(ref said, 1) == 0)
                say(token);
        };
    }
}
