using System.Diagnostics.CodeAnalysis;

namespace HeadTap.PtxMachine;

/// <summary>Walks over the characters of a module, past blanks and comments, and knows the line.</summary>
/// <param name="text">The module.</param>
sealed class PtxScanner(string text)
{
    int _at;
    int _line = 1;

    /// <summary>The entry that is being read, for faults.</summary>
    public string Entry { get; set; } = "";

    /// <summary>Line of the next character that is neither blank nor comment, from 1.</summary>
    public int Line
    {
        get
        {
            SkipBlanks();
            return _line;
        }
    }

    /// <summary>True behind the last statement.</summary>
    public bool AtEnd => Peek() == '\0';

    /// <summary>The next character; zero at the end.</summary>
    public char Peek()
    {
        SkipBlanks();
        return _at < text.Length ? text[_at] : '\0';
    }

    /// <summary>Passes a character where it is the next.</summary>
    public bool Accept(char c)
    {
        if (Peek() != c)
            return false;
        _at++;
        return true;
    }

    /// <summary>Passes a character that must be next.</summary>
    public void Expect(char c)
    {
        if (!Accept(c))
            Fail($"'{c}' is missing");
    }

    /// <summary>A word: letters, digits, and the signs that names have.</summary>
    public string Word()
    {
        SkipBlanks();
        int start = _at;
        while (_at < text.Length
            && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '.' or '%' or '$'))
            _at++;
        if (_at == start)
            Fail("a name is missing");
        return text[start.._at];
    }

    /// <summary>A word with a colon behind it, passed too; null where something else is next.</summary>
    public string? AcceptLabel()
    {
        SkipBlanks();
        int end = _at;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '_' or '$'))
            end++;
        int colon = end;
        while (colon < text.Length && text[colon] is ' ' or '\t')
            colon++;
        if (end == _at || colon >= text.Length || text[colon] != ':')
            return null;
        string label = text[_at..end];
        _at = colon + 1;
        return label;
    }

    /// <summary>All up to a sign, which is passed too; comments are no part of it.</summary>
    public ReadOnlyMemory<char> Until(char end)
    {
        SkipBlanks();
        int start = _at, length = text.AsSpan(start).IndexOf(end);
        if (length < 0)
            Fail($"'{end}' is missing");
        _line += text.AsSpan(start, length).Count('\n');
        _at = start + length + 1;
        return text.AsMemory(start, length).TrimEnd();
    }

    /// <summary>Ends the reading with a fault at the line of the next character.</summary>
    [DoesNotReturn]
    public void Fail(string what) => throw new PtxFault(FaultKind.Syntax, Entry, Line, LineText(), what);

    string LineText()
    {
        int at = Math.Min(_at, text.Length);
        int start = at == 0 ? 0 : text.LastIndexOf('\n', at - 1) + 1;
        int end = text.IndexOf('\n', at);
        return text[start..(end < 0 ? text.Length : end)].Trim();
    }

    void SkipBlanks()
    {
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c == '\n')
                _line++;
            else if (c == '/' && _at + 1 < text.Length && text[_at + 1] is '/' or '*')
            {
                bool line = text[_at + 1] == '/';
                int end = text.IndexOf(line ? "\n" : "*/", _at, StringComparison.Ordinal);
                end = end < 0 ? text.Length : line ? end : end + 2;
                _line += text.AsSpan(_at, end - _at).Count('\n');
                _at = end;
                continue;
            }
            else if (!char.IsWhiteSpace(c))
                return;
            _at++;
        }
    }
}
