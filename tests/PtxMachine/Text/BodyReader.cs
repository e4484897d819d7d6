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
    readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _find;
    readonly Dictionary<string, PtxOpcode> _opcodes = [];
    readonly Dictionary<string, PtxOpcode>.AlternateLookup<ReadOnlySpan<char>> _findOpcode;
    readonly List<PtxOperand> _registerOperands = [], _operands = [];

    /// <summary>Begins behind the brace; symbols of the module are the entry's too.</summary>
    public BodyReader(PtxScanner scanner, List<PtxSymbol> symbols, IReadOnlyList<PtxParameter> parameters)
    {
        (_scanner, _symbols, _parameters) = (scanner, [.. symbols], parameters);
        _find = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        _findOpcode = _opcodes.GetAlternateLookup<ReadOnlySpan<char>>();
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
            if (_scanner.Peek() == '.')
                ReadDirective(_scanner.Word());
            else if (_scanner.AcceptLabel() is string label)
            {
                if (!_labels.TryAdd(label, _instructions.Count))
                    _scanner.Fail($"the label {label} stands twice");
            }
            else
                ReadInstruction(_scanner.Until(';'), line);
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
        _registerOperands.Add(new(OperandKind.Register, _registers.Count));
        _registers.Add(register);
    }

    void ReadInstruction(ReadOnlyMemory<char> source, int line)
    {
        PtxFault Fault(string what) =>
            new(FaultKind.Syntax, _scanner.Entry, line, source.ToString(), what);
        ReadOnlySpan<char> rest = source.Span;
        if (rest.IsEmpty)
            throw Fault("an instruction is missing");
        int predicate = -1;
        bool negated = false;
        if (rest[0] == '@')
        {
            negated = rest.StartsWith("@!");
            int blank = rest.IndexOfAny(" \t\n");
            if (blank < 0 || !_find.TryGetValue(rest[(negated ? 2 : 1)..blank], out predicate)
                || _registers[predicate].Width != RegisterWidth.Predicate)
                throw Fault("the guard is no predicate register");
            rest = rest[blank..].TrimStart();
        }
        int end = rest.IndexOfAny(" \t\n");
        ReadOnlySpan<char> opcode = end < 0 ? rest : rest[..end];
        if (!_findOpcode.TryGetValue(opcode, out PtxOpcode? code))
            _opcodes.Add(opcode.ToString(), code = new(opcode.ToString()));
        _operands.Clear();
        for (rest = end < 0 ? [] : rest[end..]; Next(ref rest, out ReadOnlySpan<char> part);)
            _operands.Add(ReadOperand(part) ?? throw Fault($"the operand {part} is not known"));
        _instructions.Add(new(code, [.. _operands], predicate, negated, line, source));
    }

    // Cuts at the next comma outside of brackets and braces; false at the end.
    static bool Next(ref ReadOnlySpan<char> text, out ReadOnlySpan<char> part)
    {
        text = text.TrimStart();
        int depth = 0, i = 0;
        for (; i < text.Length; i++)
        {
            char c = text[i];
            if (c is '[' or '{')
                depth++;
            else if (c is ']' or '}')
                depth--;
            else if (c == ',' && depth == 0)
                break;
        }
        part = text[..i].TrimEnd();
        text = i < text.Length ? text[(i + 1)..] : [];
        return part.Length > 0;
    }

    PtxOperand? ReadOperand(ReadOnlySpan<char> text)
    {
        if (text[0] == '{' && text[^1] == '}')
            return Vector(text[1..^1]);
        if (text[0] == '[' && text[^1] == ']')
            return Memory(text[1..^1].Trim());
        if (text[0] == '%' && text.Contains('|'))
            return Vector(text.ToString().Replace('|', ','));
        if (_find.TryGetValue(text, out int register))
            return _registerOperands[register];
        if (Number(text) is long value)
            return new(OperandKind.Immediate, Value: value);
        string name = text.ToString();
        if (_symbols.Exists(s => s.Name == name))
            return new(OperandKind.Symbol, Name: name);
        return name[0] == '%' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '$')
            ? null : new(OperandKind.Label, Name: name);
    }

    PtxOperand? Vector(ReadOnlySpan<char> text)
    {
        List<PtxOperand> elements = [];
        while (Next(ref text, out ReadOnlySpan<char> part))
        {
            if (ReadOperand(part) is not PtxOperand element)
                return null;
            elements.Add(element);
        }
        return new(OperandKind.Vector, Elements: [.. elements]);
    }

    PtxOperand? Memory(ReadOnlySpan<char> text)
    {
        int sign = text.IndexOfAny('+', '-');
        ReadOnlySpan<char> name = (sign < 0 ? text : text[..sign]).Trim();
        long offset = 0;
        if (sign >= 0)
        {
            if (Number(text[(sign + 1)..].Trim()) is not long number)
                return null;
            offset = text[sign] == '-' ? -number : number;
        }
        if (_find.TryGetValue(name, out int register))
            return new(OperandKind.Memory, register, offset);
        string symbol = name.ToString();
        return _symbols.Exists(s => s.Name == symbol) || _parameters.Any(p => p.Name == symbol)
            ? new(OperandKind.Memory, Value: offset, Name: symbol) : null;
    }

    static long? Number(ReadOnlySpan<char> text)
    {
        if (!char.IsAsciiDigit(text[0]) && text[0] != '-')
            return null;
        if (text.Length > 2 && text[0] == '0' && (text[1] is 'x' or 'X'
            || (text[1] is 'f' or 'F' && text.Length == 10) || (text[1] is 'd' or 'D' && text.Length == 18)))
            return ulong.TryParse(
                text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong bits)
                ? (long)bits : null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return number;
        return ulong.TryParse(text.TrimEnd('U'), CultureInfo.InvariantCulture, out ulong large)
            ? (long)large : null;
    }
}
