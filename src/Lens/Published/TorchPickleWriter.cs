using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadTap.Lens;

/// <summary>Writes what <see cref="TorchPickle"/> reads: pickle protocol 2, as torch.save does.</summary>
sealed class TorchPickleWriter
{
    readonly ArrayBufferWriter<byte> _out = new();

    /// <summary>Begins the pickle.</summary>
    internal TorchPickleWriter() => Bytes(0x80, 2);

    /// <summary>Ends the pickle and returns it.</summary>
    internal byte[] End()
    {
        Bytes((byte)'.');
        return _out.WrittenSpan.ToArray();
    }

    /// <summary>Writes a dictionary.</summary>
    internal void Map<TKey>(IEnumerable<(TKey Key, Action Value)> items)
    {
        Bytes((byte)'}', (byte)'(');
        foreach ((TKey key, Action value) in items)
        {
            if (key is int number)
                Number(number);
            else
                Text($"{key}");
            value();
        }
        Bytes((byte)'u');
    }

    /// <summary>Writes a list.</summary>
    internal void List(IEnumerable<Action> items)
    {
        Bytes((byte)']', (byte)'(');
        foreach (Action item in items)
            item();
        Bytes((byte)'e');
    }

    /// <summary>Writes a whole number.</summary>
    internal void Number(int value)
    {
        Bytes((byte)'J');
        Int32(value);
    }

    /// <summary>Writes a text.</summary>
    internal void Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Bytes((byte)'X');
        Int32(utf8.Length);
        _out.Write(utf8);
    }

    /// <summary>Writes a value of JSON.</summary>
    internal void Json(JsonNode? node)
    {
        switch (node?.GetValueKind())
        {
            case null or JsonValueKind.Null: Bytes((byte)'N'); break;
            case JsonValueKind.True: Bytes(0x88); break;
            case JsonValueKind.False: Bytes(0x89); break;
            case JsonValueKind.Number when node.AsValue().TryGetValue(out int whole): Number(whole); break;
            case JsonValueKind.Number: Double(node.GetValue<double>()); break;
            case JsonValueKind.Object:
                Map(node.AsObject().Select(p => (p.Key, (Action)(() => Json(p.Value)))));
                break;
            case JsonValueKind.Array: List(node.AsArray().Select(n => (Action)(() => Json(n)))); break;
            default: Text(node.ToString()); break;
        }
    }

    /// <summary>Writes a float16 matrix [rows, columns], row-major, whose storage is a file.</summary>
    internal void HalfMatrix(string key, int rows, int columns)
    {
        Global("torch._utils", "_rebuild_tensor_v2");
        Bytes((byte)'(', (byte)'(');
        Text("storage");
        Global("torch", "HalfStorage");
        Text(key);
        Text("cpu");
        Number(checked(rows * columns));
        Bytes((byte)'t', (byte)'Q');
        Number(0); // offset
        Number(rows);
        Number(columns);
        Bytes(0x86);
        Number(columns); // strides
        Number(1);
        Bytes(0x86, 0x89); // needs no gradient
        Global("collections", "OrderedDict"); // no hooks
        Bytes((byte)')', (byte)'R', (byte)'t', (byte)'R');
    }

    void Global(string module, string name)
    {
        Bytes((byte)'c');
        _out.Write(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));
    }

    void Double(double value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(bytes, value);
        Bytes((byte)'G');
        _out.Write(bytes);
    }

    void Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _out.Write(bytes);
    }

    void Bytes(params ReadOnlySpan<byte> bytes) => _out.Write(bytes);
}
