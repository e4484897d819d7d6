using System.Buffers.Binary;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>A name that a pickle refers to: <c>torch HalfStorage</c>.</summary>
sealed record TorchGlobal(string Module, string Name);

/// <summary>The numbers of a tensor, in a file of their own.</summary>
/// <param name="Half">Whether they are float16; else float32.</param>
/// <param name="Key">Name of the file.</param>
/// <param name="Length">Number of them.</param>
sealed record TorchStorage(bool Half, string Key, long Length);

/// <summary>A tensor: a view of a storage.</summary>
sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Stride);

/// <summary>
/// Reads the <c>data.pkl</c> of a lens that torch.save wrote: dictionaries, lists, numbers, texts and
/// tensors. It is no general reader and runs no code. It knows the opcodes of pickle protocol 2 that such a
/// file has, and four names: a tensor, its two kinds of storage and an empty ordered dictionary. Anything
/// else is refused.
/// </summary>
/// <param name="data">The pickle.</param>
/// <param name="source">Begins each message.</param>
sealed class TorchPickle(byte[] data, string source)
{
    const byte ProtocolOp = 0x80, Protocol = 2;
    const int MostItems = 1 << 20;

    static readonly TorchGlobal s_rebuild = new("torch._utils", "_rebuild_tensor_v2");
    static readonly TorchGlobal s_half = new("torch", "HalfStorage");
    static readonly TorchGlobal s_float = new("torch", "FloatStorage");
    static readonly TorchGlobal s_ordered = new("collections", "OrderedDict");
    static readonly TorchGlobal[] s_known = [s_rebuild, s_half, s_float, s_ordered];
    static readonly object s_mark = new();

    readonly Stack<object?> _stack = new();
    readonly Dictionary<int, object?> _memo = [];
    int _at;

    /// <summary>Reads the one object of the pickle.</summary>
    /// <returns>null, bool, long, double, string, <c>List&lt;object?&gt;</c>, <c>object?[]</c> (a tuple),
    /// <c>Dictionary&lt;object, object?&gt;</c> or <see cref="TorchTensor"/>.</returns>
    /// <exception cref="UserException">The pickle has something that a lens has not, or ends
    /// early.</exception>
    internal object? Read()
    {
        if (Byte() != ProtocolOp || Byte() != Protocol)
            throw Wrong($"is no pickle of protocol {Protocol}");
        while (true)
        {
            byte op = Byte();
            if (op == '.')
                return _stack.Count == 1 ? Pop() : throw Wrong($"ends with {_stack.Count} objects");
            if (_memo.Count + _stack.Count > MostItems)
                throw Wrong("has more objects than a lens");
            Step(op);
        }
    }

    void Step(byte op)
    {
        switch ((char)op)
        {
            case 'N': _stack.Push(null); break;
            case '\x88': _stack.Push(true); break;
            case '\x89': _stack.Push(false); break;
            case 'K': _stack.Push((long)Byte()); break;
            case 'M': _stack.Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 'J': _stack.Push((long)Int32()); break;
            case '\x8a': _stack.Push(Long(Take(Byte()))); break;
            case 'G': _stack.Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 'X': _stack.Push(Text(Take(Int32()))); break;
            case '}': _stack.Push(new Dictionary<object, object?>()); break;
            case ']': _stack.Push(new List<object?>()); break;
            case ')': _stack.Push(Array.Empty<object?>()); break;
            case '(': _stack.Push(s_mark); break;
            case 't': _stack.Push(ToMark()); break;
            case '\x85': _stack.Push(Last(1)); break;
            case '\x86': _stack.Push(Last(2)); break;
            case '\x87': _stack.Push(Last(3)); break;
            case 'q': _memo[Byte()] = Peek(); break;
            case 'r': _memo[Int32()] = Peek(); break;
            case 'h': _stack.Push(Remembered(Byte())); break;
            case 'j': _stack.Push(Remembered(Int32())); break;
            case 'a': Add([Pop()]); break;
            case 'e': Add(ToMark()); break;
            case 's': Set(Last(2)); break;
            case 'u': Set(ToMark()); break;
            case 'c': _stack.Push(Global()); break;
            case 'Q': _stack.Push(Storage(Pop())); break;
            case 'R': _stack.Push(Call(Last(2))); break;
            default: throw Wrong($"has opcode 0x{op:x2}, which a lens has not");
        }
    }

    TorchGlobal Global()
    {
        var global = new TorchGlobal(Line(), Line());
        return s_known.Contains(global) ? global : throw Wrong(
            $"names {Quoted.Name($"{global.Module}.{global.Name}")}, which a lens has not; nothing was run");
    }

    TorchStorage Storage(object? id) => id is object?[] { Length: 5 } parts && parts[0] is "storage"
        && parts[1] is TorchGlobal type && (type == s_half || type == s_float)
        && parts[2] is string key && key.Length > 0 && key.All(char.IsAsciiDigit) && parts[4] is long length
        && length is >= 0 and <= int.MaxValue
            ? new(type == s_half, key, length)
            : throw Wrong("has a reference that is no storage of float16 or float32");

    object Call(object?[] call)
    {
        if (call[0] is not TorchGlobal name || call[1] is not object?[] arguments)
            throw Wrong("calls what is no name");
        if (name == s_ordered && arguments.Length == 0)
            return new Dictionary<object, object?>();
        if (name == s_rebuild && arguments.Length >= 4 && arguments[0] is TorchStorage storage
            && arguments[1] is long offset && Longs(arguments[2]) is { } shape
            && Longs(arguments[3]) is { } stride && shape.Length == stride.Length)
            return new TorchTensor(storage, offset, shape, stride);
        throw Wrong($"calls {name.Module}.{name.Name} as a lens does not");
    }

    static long[]? Longs(object? tuple) => tuple is object?[] values && values.All(v => v is long)
        ? [.. values.Select(v => (long)v!)] : null;

    void Add(object?[] items)
    {
        if (Peek() is not List<object?> list)
            throw Wrong("adds items to what is no list");
        list.AddRange(items);
    }

    void Set(object?[] items)
    {
        if (items.Length % 2 != 0 || Peek() is not Dictionary<object, object?> map)
            throw Wrong("sets items of what is no dictionary");
        for (int i = 0; i < items.Length; i += 2)
            map[items[i] is string or long ? items[i]! : throw Wrong("has a key that is no text or number")]
                = items[i + 1];
    }

    object?[] ToMark()
    {
        var items = new List<object?>();
        while (Pop() is var item && !ReferenceEquals(item, s_mark))
            items.Add(item);
        items.Reverse();
        return [.. items];
    }

    object?[] Last(int count)
    {
        object?[] items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
            items[i] = Pop() is var item && ReferenceEquals(item, s_mark)
                ? throw Wrong("has too few objects") : item;
        return items;
    }

    object? Pop() => _stack.TryPop(out object? top) ? top : throw Wrong("has too few objects");

    object? Peek() => _stack.TryPeek(out object? top) ? top : throw Wrong("has too few objects");

    object? Remembered(int index)
        => _memo.TryGetValue(index, out object? value) ? value : throw Wrong("refers to nothing");

    byte Byte() => Take(1)[0];

    int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > data.Length - _at)
            throw Wrong("ends early");
        _at += count;
        return data.AsSpan(_at - count, count);
    }

    string Line()
    {
        int end = data.AsSpan(_at).IndexOf((byte)'\n');
        if (end < 0)
            throw Wrong("ends early");
        string line = Text(Take(end));
        _at++;
        return line;
    }

    string Text(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new UserException($"{source}: data.pkl has a text that is not UTF-8", e);
        }
    }

    long Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
            throw Wrong("has a number of more than 64 bits");
        long value = bytes.Length > 0 && (bytes[^1] & 0x80) != 0 ? -1 : 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
            value = (value << 8) | bytes[i];
        return value;
    }

    UserException Wrong(string what)
        => new($"{source}: data.pkl {what} (byte {_at}); expected a Jacobian lens that torch.save wrote");
}
