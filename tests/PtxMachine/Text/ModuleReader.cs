using System.Globalization;

namespace HeadTap.PtxMachine;

/// <summary>Reads what stands outside of bodies: directives, symbols, heads of entries.</summary>
sealed class ModuleReader
{
    readonly PtxScanner _scanner;
    readonly List<PtxSymbol> _symbols = [];
    readonly Dictionary<string, PtxEntry> _entries = [];
    string _target = "", _version = "";

    /// <summary>Begins at the first line.</summary>
    public ModuleReader(string text) => _scanner = new(text);

    /// <summary>Reads to the end.</summary>
    public PtxModule Read()
    {
        while (!_scanner.AtEnd)
            ReadDirective();
        return new() { Target = _target, Version = _version, Entries = _entries };
    }

    void ReadDirective()
    {
        string word = _scanner.Word();
        switch (word)
        {
            case ".version":
                _version = _scanner.Word();
                break;
            case ".target":
                _target = _scanner.Word();
                while (_scanner.Accept(','))
                    _scanner.Word();
                break;
            case ".address_size":
                if (_scanner.Word() != "64")
                    _scanner.Fail("the machine knows addresses of 64 bits alone");
                break;
            case ".visible" or ".weak" or ".extern":
                break;
            case ".entry":
                ReadEntry();
                break;
            case ".shared":
                _symbols.Add(ReadSymbol(_scanner, local: false));
                break;
            default:
                _scanner.Fail($"the machine does not know the directive {word}");
                break;
        }
    }

    void ReadEntry()
    {
        string name = _scanner.Word();
        _scanner.Entry = name;
        List<PtxParameter> parameters = [];
        if (_scanner.Accept('(') && !_scanner.Accept(')'))
        {
            do
                parameters.Add(ReadParameter(parameters));
            while (_scanner.Accept(','));
            _scanner.Expect(')');
        }
        int threads = 1024;
        while (!_scanner.Accept('{'))
        {
            string word = _scanner.Word();
            int product = Number();
            while (_scanner.Accept(','))
                product *= Number();
            if (word == ".maxntid")
                threads = product;
            else if (word is not (".minnctapersm" or ".maxnreg"))
                _scanner.Fail($"the machine does not know the directive {word}");
        }
        BodyReader body = new(_scanner, _symbols, parameters);
        body.Read();
        _entries.Add(name, new()
        {
            Name = name,
            Parameters = parameters,
            ParameterBytes = parameters.Count == 0 ? 0 : parameters[^1].Offset + parameters[^1].Size,
            StaticSharedBytes = SharedLayout.StaticBytes(body.Symbols),
            MaxThreads = threads,
            Target = int.TryParse(_target.AsSpan(Math.Min(3, _target.Length)).TrimEnd('a'), out int target)
                ? target : 0,
            Registers = body.Registers,
            Symbols = body.Symbols,
            Instructions = body.Instructions,
            Labels = body.Labels,
        });
        _scanner.Entry = "";
    }

    int Number() => int.Parse(_scanner.Word(), CultureInfo.InvariantCulture);

    PtxParameter ReadParameter(List<PtxParameter> before)
    {
        if (_scanner.Word() != ".param")
            _scanner.Fail("a parameter begins with .param");
        (string name, int size, int alignment) = ReadDeclaration(_scanner);
        int end = before.Count == 0 ? 0 : before[^1].Offset + before[^1].Size;
        return new(name, (end + alignment - 1) / alignment * alignment, size, alignment);
    }

    /// <summary>What follows .shared or .local.</summary>
    public static PtxSymbol ReadSymbol(PtxScanner scanner, bool local)
    {
        (string name, int size, int alignment) = ReadDeclaration(scanner);
        scanner.Expect(';');
        return new(name, size, alignment, local);
    }

    static (string Name, int Size, int Alignment) ReadDeclaration(PtxScanner scanner)
    {
        int alignment = 0;
        string word = scanner.Word();
        if (word == ".align")
        {
            alignment = int.Parse(scanner.Word(), CultureInfo.InvariantCulture);
            word = scanner.Word();
        }
        int size = word switch
        {
            ".b8" or ".u8" or ".s8" => 1,
            ".b16" or ".u16" or ".s16" or ".f16" => 2,
            ".b32" or ".u32" or ".s32" or ".f32" => 4,
            ".b64" or ".u64" or ".s64" or ".f64" => 8,
            _ => 0,
        };
        if (size == 0)
            scanner.Fail($"the machine does not know the type {word}");
        if (alignment == 0)
            alignment = size;
        string name = scanner.Word();
        if (scanner.Accept('['))
        {
            size = scanner.Peek() == ']' ? -1
                : size * int.Parse(scanner.Word(), CultureInfo.InvariantCulture);
            scanner.Expect(']');
        }
        return (name, size, alignment);
    }
}
