using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Models;

/// <summary>
/// Keys and values of the beginnings of prompts, in blocks of tokens, on the host. A block is found by its
/// tokens and all tokens before it. What it gives back has the bits that were put in, so on the host a prompt
/// that is found has the bits of one that is computed again.
/// </summary>
/// <remarks>The least recently used blocks go first. Not safe to share between threads.</remarks>
public sealed class PrefixCache
{
    readonly Dictionary<Key, LinkedListNode<(Key Key, float[] Values)>> _blocks = [];
    readonly LinkedList<(Key Key, float[] Values)> _recent = new(); // the newest first

    /// <summary>An empty cache.</summary>
    /// <param name="maxBytes">Most bytes of keys and values; 0 keeps nothing.</param>
    /// <param name="blockTokens">Tokens of a block.</param>
    public PrefixCache(long maxBytes, int blockTokens = 32)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockTokens);
        (MaxBytes, BlockTokens) = (maxBytes, blockTokens);
    }

    /// <summary>Most bytes of keys and values.</summary>
    public long MaxBytes { get; }

    /// <summary>Tokens of a block.</summary>
    public int BlockTokens { get; }

    /// <summary>Bytes of keys and values now.</summary>
    public long Bytes { get; private set; }

    /// <summary>Tokens that prompts asked for so far.</summary>
    public long Queries { get; private set; }

    /// <summary>Tokens of them that were found.</summary>
    public long Hits { get; private set; }

    /// <summary>Puts the blocks that begin a prompt into a row of a batch.</summary>
    /// <param name="batch">Where the prompt will run.</param>
    /// <param name="row">Its row.</param>
    /// <param name="salt">What decides keys and values beside the tokens: edits, and who may share
    /// them.</param>
    /// <param name="prompt">Token ids.</param>
    /// <returns>Tokens found: fewer than the prompt has, because the last one must run to give
    /// logits.</returns>
    public int Load(ContinuousBatch batch, int row, string salt, ReadOnlySpan<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Queries += prompt.Length;
        int found = 0;
        Key key = Key.Of(salt);
        while (found + BlockTokens < prompt.Length)
        {
            key = key.With(prompt.Slice(found, BlockTokens));
            if (!_blocks.TryGetValue(key, out var node))
                break;
            _recent.Remove(node);
            _recent.AddFirst(node);
            batch.Write(row, found, BlockTokens, node.Value.Values);
            found += BlockTokens;
        }
        Hits += found;
        return found;
    }

    /// <summary>Keeps the blocks of a prompt that a row of a batch has run whole.</summary>
    public void Keep(ContinuousBatch batch, int row, string salt, ReadOnlySpan<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Key key = Key.Of(salt);
        for (int start = 0; start + BlockTokens <= prompt.Length; start += BlockTokens)
        {
            key = key.With(prompt.Slice(start, BlockTokens));
            if (_blocks.ContainsKey(key))
                continue;
            float[] values = batch.Read(row, start, BlockTokens);
            long bytes = (long)values.Length * sizeof(float);
            if (bytes > MaxBytes)
                return;
            while (Bytes + bytes > MaxBytes)
                Drop();
            _blocks[key] = _recent.AddFirst((key, values));
            Bytes += bytes;
        }
    }

    void Drop()
    {
        (Key key, float[] values) = _recent.Last!.Value;
        _recent.RemoveLast();
        _blocks.Remove(key);
        Bytes -= (long)values.Length * sizeof(float);
    }

    // SHA-256 of a chain: nobody can make a prompt whose blocks are found for another one.
    readonly record struct Key(UInt128 High, UInt128 Low)
    {
        internal static Key Of(string salt) => From(SHA256.HashData(Encoding.UTF8.GetBytes(salt)));

        internal Key With(ReadOnlySpan<int> tokens)
        {
            byte[] data = new byte[32 + tokens.Length * sizeof(int)];
            MemoryMarshal.Write(data, High);
            MemoryMarshal.Write(data.AsSpan(16), Low);
            MemoryMarshal.AsBytes(tokens).CopyTo(data.AsSpan(32));
            return From(SHA256.HashData(data));
        }

        static Key From(byte[] hash) => new(MemoryMarshal.Read<UInt128>(hash),
            MemoryMarshal.Read<UInt128>(hash.AsSpan(16)));
    }
}
