using System.Globalization;

namespace HeadTap.PtxMachine;

/// <summary>Reads the body of one entry: registers, symbols, labels, instructions.</summary>
sealed class BodyReader
{
    readonly PtxScanner _scanner;
    readonly IReadOnlyList<PtxParameter> _parameters;
    readonly List<PtxRegister> _registers = [];
    readonly Dictionary<string, int> _names = [];
    readonly List<PtxSymbol> _symbols;
    readonly List<PtxInstruction> _instructions = [];
    readonly Dictionary<string, int> _labels = [];

    /// <summary>Begins behind the brace; symbols of the module are the entry's too.</summary>
    public BodyReader(PtxScanner scanner, List<PtxSymbol> symbols, IReadOnlyList<PtxParameter> parameters)
    {
        (_scanner, _symbols, _parameters) = (scanner, [.. symbols], parameters);
        foreach (string name in PtxRegister.Special)
            Declare(new(name, RegisterWidth.Word));
    }

    /// <summary>The special registers, then the declared ones.</summary>
    public IReadOnlyList<PtxRegister> Registers => _registers;

    /// <summary>Of the module and of the entry.</summary>
    public IReadOnlyList<PtxSymbol> Symbols => _symbols;

    /// <summary>In the order of the text.</summary>
    public IReadOnlyList<PtxInstruction> Instructions => _instructions;

    /// <summary>The instruction behind each label.</summary>
    public IReadOnlyDictionary<string, int> Labels => _labels;

    /// <summary>Reads to the brace that closes the body.</summary>
    public void Read()
    {
        while (!_scanner.Accept('}'))
        {
            int line = _scanner.Line;
            if (_scanner.AtEnd || _scanner.Peek() == '{')
                _scanner.Fail("the machine knows a body without inner braces");
            if (_scanner.Peek() == '@')
            {
                ReadInstruction(_scanner.Until(';'), line);
                continue;
            }
            string word = _scanner.Word();
            if (word[0] == '.')
                ReadDirective(word);
            else if (_scanner.Peek() == ':')
            {
                _scanner.Expect(':');
                if (!_labels.TryAdd(word, _instructions.Count))
                    _scanner.Fail($"the label {word} stands twice");
            }
            else
                ReadInstruction(word + " " + (_scanner.Accept(';') ? "" : _scanner.Until(';')), line);
        }
    }

    void ReadDirective(string word)
    {
        switch (word)
        {
            case ".reg":
                ReadRegisters();
                break;
            case ".shared" or ".local":
                _symbols.Add(ModuleReader.ReadSymbol(_scanner, local: word == ".local"));
                break;
            case ".loc" or ".pragma":
                _scanner.Until(';');
                break;
            default:
                _scanner.Fail($"the machine does not know the directive {word}");
                break;
        }
    }

    void ReadRegisters()
    {
        string type = _scanner.Word();
        RegisterWidth width = type switch
        {
            ".pred" => RegisterWidth.Predicate,
            ".b32" or ".u32" or ".s32" or ".f32" => RegisterWidth.Word,
            ".b64" or ".u64" or ".s64" => RegisterWidth.Long,
            _ => (RegisterWidth)(-1),
        };
        if (width < 0)
            _scanner.Fail($"the machine does not know registers of {type}");
        do
        {
            string name = _scanner.Word();
            if (_scanner.Accept('<'))
            {
                int count = int.Parse(_scanner.Word(), CultureInfo.InvariantCulture);
                _scanner.Expect('>');
                for (int i = 0; i < count; i++)
                    Declare(new($"{name}{i}", width));
            }
            else
                Declare(new(name, width));
        }
        while (_scanner.Accept(','));
        _scanner.Expect(';');
    }

    void Declare(PtxRegister register)
    {
        if (!_names.TryAdd(register.Name, _registers.Count))
            _scanner.Fail($"the register {register.Name} is declared twice");
        _registers.Add(register);
    }

    void ReadInstruction(string text, int line)
    {
        PtxFault Fault(string what) => new(FaultKind.Syntax, _scanner.Entry, line, text, what);
        string rest = text;
        int predicate = -1;
        bool negated = false;
        if (rest[0] == '@')
        {
            negated = rest[1] == '!';
            int from = negated ? 2 : 1, blank = rest.IndexOfAny([' ', '\t']);
            if (blank < 0 || !_names.TryGetValue(rest[from..blank], out predicate)
                || _registers[predicate].Width != RegisterWidth.Predicate)
                throw Fault("the guard is no predicate register");
            rest = rest[blank..].TrimStart();
        }
        int end = rest.IndexOfAny([' ', '\t', '\n']);
        string opcode = end < 0 ? rest : rest[..end];
        List<PtxOperand> operands = [];
        if (end >= 0)
            foreach (string part in Split(rest[end..]))
                operands.Add(ReadOperand(part) ?? throw Fault($"the operand {part} is not known"));
        _instructions.Add(new(opcode, [.. operands], predicate, negated, line, text));
    }

    // At commas outside of brackets and braces.
    static IEnumerable<string> Split(string text)
    {
        int depth = 0, start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            char c = i < text.Length ? text[i] : ',';
            depth += c is '[' or '{' ? 1 : c is ']' or '}' ? -1 : 0;
            if (c != ',' || (depth > 0 && i < text.Length))
                continue;
            string part = text[start..i].Trim();
            start = i + 1;
            if (part.Length > 0)
                yield return part;
        }
    }

    PtxOperand? ReadOperand(string text)
    {
        if (text[0] == '{' && text[^1] == '}')
            return Vector(Split(text[1..^1]));
        if (text[0] == '[' && text[^1] == ']')
            return Memory(text[1..^1].Trim());
        if (text.Contains('|', StringComparison.Ordinal))
            return Vector(text.Split('|', StringSplitOptions.TrimEntries));
        if (_names.TryGetValue(text, out int register))
            return new(OperandKind.Register, register);
        if (Number(text) is long value)
            return new(OperandKind.Immediate, Value: value);
        if (_symbols.Exists(s => s.Name == text))
            return new(OperandKind.Symbol, Name: text);
        return text[0] == '%' || !text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '$')
            ? null : new(OperandKind.Label, Name: text);
    }

    PtxOperand? Vector(IEnumerable<string> parts)
    {
        PtxOperand?[] elements = [.. parts.Select(ReadOperand)];
        return Array.IndexOf(elements, null) >= 0 ? null : new(OperandKind.Vector, Elements: elements!);
    }

    PtxOperand? Memory(string text)
    {
        int sign = text.IndexOfAny(['+', '-']);
        string name = (sign < 0 ? text : text[..sign]).Trim();
        long offset = 0;
        if (sign >= 0)
        {
            if (Number(text[(sign + 1)..].Trim()) is not long number)
                return null;
            offset = text[sign] == '-' ? -number : number;
        }
        if (_names.TryGetValue(name, out int register))
            return new(OperandKind.Memory, register, offset);
        return _symbols.Exists(s => s.Name == name) || _parameters.Any(p => p.Name == name)
            ? new(OperandKind.Memory, Value: offset, Name: name) : null;
    }

    static long? Number(string text)
    {
        if (text.StartsWith("0f", StringComparison.OrdinalIgnoreCase) && text.Length == 10
            || text.StartsWith("0d", StringComparison.OrdinalIgnoreCase) && text.Length == 18
            || text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(
                text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong bits)
                ? (long)bits : null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return number;
        return ulong.TryParse(text.AsSpan().TrimEnd('U'), CultureInfo.InvariantCulture, out ulong large)
            ? (long)large : null;
    }
}
