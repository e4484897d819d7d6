using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HeadTap.PtxMachine;

/// <summary>
/// 32 lanes that run together: a register file of vectors, a mask of the active lanes, and a stack of the
/// lanes that wait where control parted.
/// </summary>
sealed unsafe class Warp
{
    /// <summary>Lanes of a warp.</summary>
    public const int Lanes = 32;

    nint _memory;
    int _bytes;
    nint _local;
    int _localBytes;
    (int Block, int Meeting, uint Mask)[] _waiting = new (int, int, uint)[8];
    int _depth;
    int _at;

    /// <summary>The block that it belongs to.</summary>
    public required BlockRun Block { get; init; }

    /// <summary>Its number in the block.</summary>
    public required int Number { get; init; }

    /// <summary>Start of the register file.</summary>
    public byte* Registers => _registers;

    byte* _registers;

    /// <summary>Start of the lanes' local memory, one lane after the other.</summary>
    public byte* Local => (byte*)_local;

    /// <summary>The lanes that execute.</summary>
    public uint Mask { get; private set; }

    /// <summary>The mask as vectors: all ones in active lanes.</summary>
    public Vector512<uint> MaskLow;

    /// <summary>Of lanes 16 to 31.</summary>
    public Vector512<uint> MaskHigh;

    /// <summary>The lanes that exist and have not ended.</summary>
    public uint Alive { get; private set; }

    /// <summary>The lanes that exist.</summary>
    public uint Existing { get; private set; }

    /// <summary>Where it waits: a barrier's block; -1 once it has ended.</summary>
    public int WaitsAt { get; private set; }

    /// <summary>The mask that a guarded instruction replaced.</summary>
    public uint Unguarded { get; set; }

    /// <summary>Barriers of this warp alone that it passed.</summary>
    public int Syncs { get; set; }

    /// <summary>Copies that are under way.</summary>
    public AsyncCopies Copies { get; } = new();

    /// <summary>What it executed in the block.</summary>
    public long WarpInstructions, LaneInstructions;

    /// <summary>Frees the register file.</summary>
    ~Warp()
    {
        NativeMemory.AlignedFree((void*)_memory);
        NativeMemory.AlignedFree((void*)_local);
    }

    /// <summary>Makes the register file ready for a launch: numbers of the text, indices of the
    /// threads.</summary>
    public void Prepare(KernelProgram program, Dim3 block, Dim3 grid)
    {
        if (_bytes < program.FileBytes)
        {
            NativeMemory.AlignedFree((void*)_memory);
            _bytes = Math.Max(program.FileBytes, 1 << 14);
            _memory = (nint)NativeMemory.AlignedAlloc((nuint)_bytes, 64);
            NativeMemory.Clear((void*)_memory, (nuint)_bytes);
            _registers = (byte*)_memory;
        }
        if (_localBytes < program.Layout.LocalBytes)
        {
            NativeMemory.AlignedFree((void*)_local);
            _localBytes = program.Layout.LocalBytes;
            _local = (nint)NativeMemory.AlignedAlloc((nuint)_localBytes * Lanes, 64);
        }
        foreach ((int offset, RegisterWidth width, ulong bits) in program.Constants)
            if (width == RegisterWidth.Predicate)
                *(uint*)(_registers + offset) = bits != 0 ? ~0u : 0;
            else if (width == RegisterWidth.Word)
                new Span<uint>(_registers + offset, Lanes).Fill((uint)bits);
            else
                new Span<ulong>(_registers + offset, Lanes).Fill(bits);
        int first = Number * Lanes;
        for (int lane = 0; lane < Lanes; lane++)
        {
            Dim3 thread = block.At(first + lane);
            Special(0)[lane] = (uint)thread.X;
            Special(1)[lane] = (uint)thread.Y;
            Special(2)[lane] = (uint)thread.Z;
            Special(12)[lane] = (uint)lane;
        }
        Fill(3, block);
        Fill(9, grid);
        new Span<uint>(Special(13), Lanes).Fill((uint)Number);
        long lanes = Math.Min(Lanes, block.Count - first);
        Existing = lanes == Lanes ? ~0u : (1u << (int)lanes) - 1;
    }

    /// <summary>Begins a block: all lanes at the first instruction.</summary>
    public void Begin(Dim3 index)
    {
        Fill(6, index);
        (_depth, _at, WaitsAt, Syncs, Alive) = (0, 0, 0, 0, Existing);
        (WarpInstructions, LaneInstructions) = (0, 0);
        Copies.Clear();
        SetMask(Existing);
    }

    /// <summary>Changes the active lanes.</summary>
    public void SetMask(uint mask)
    {
        Mask = mask;
        if (mask == ~0u)
            return;
        Vector512<uint> bits = Vector512.Create(
            1u, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
        MaskLow = Vector512.Equals(bits & Vector512.Create(mask), bits);
        MaskHigh = Vector512.Equals(bits & Vector512.Create(mask >> 16), bits);
    }

    /// <summary>Runs to the next barrier of the block or to the end.</summary>
    public void Run(KernelProgram program)
    {
        ProgramBlock* blocks = program.Blocks;
        int at = _at;
        int meeting = _depth > 0 ? _waiting[_depth - 1].Meeting : -1;
        while (true)
        {
            ProgramBlock* block = blocks + at;
            Op* past = block->Past;
            for (Op* op = block->First; op < past; op++)
                op->Run(op, this);
            if (Block.Counting)
                Block.Visits[at]++;
            WarpInstructions += block->Count;
            LaneInstructions += (long)block->Count * System.Numerics.BitOperations.PopCount(Mask);
            if (WarpInstructions > Block.MaxInstructions)
                Block.Fault(this, block->Index, First(Mask), FaultKind.Endless,
                    $"more than {Block.MaxInstructions} instructions of one warp");
            switch (block->End)
            {
                case BlockEnd.Goto:
                    at = block->Target >= 0 ? block->Target : block->Next;
                    break;
                case BlockEnd.Branch:
                    uint taken = (*(uint*)(_registers + block->Predicate) ^ block->Flip) & Mask;
                    if (taken == 0)
                        at = block->Next;
                    else if (taken == Mask)
                        at = block->Target;
                    else
                    {
                        if (block->Uniform)
                            Block.Fault(this, block->Index, First(taken), FaultKind.DivergentUniform,
                                $"a uniform branch that lanes {taken:x8} of {Mask:x8} take");
                        at = Part(block, taken);
                        meeting = _waiting[_depth - 1].Meeting;
                    }
                    break;
                case BlockEnd.Return:
                    uint ended = block->Predicate < 0
                        ? Mask : (*(uint*)(_registers + block->Predicate) ^ block->Flip) & Mask;
                    if (!Finish(ended))
                    {
                        (WaitsAt, _at) = (-1, -1);
                        return;
                    }
                    if (Mask != 0)
                        at = block->Next;
                    else
                        at = -2;
                    break;
                default:
                    if (Mask != Existing)
                        Block.Fault(this, block->Index, First(Existing & ~Mask), FaultKind.Barrier,
                            $"a barrier that lanes {Mask:x8} of {Existing:x8} reach");
                    (WaitsAt, _at) = (at, block->Next);
                    return;
            }
            // Lanes that arrive where the others wait, or that have all ended, make room for those.
            while (_depth > 0 && (at == meeting || at == -2))
            {
                (at, _, uint mask) = _waiting[--_depth];
                meeting = _depth > 0 ? _waiting[_depth - 1].Meeting : -1;
                if (mask == 0)
                    at = -2;
                else
                    SetMask(mask);
            }
        }
    }

    /// <summary>The lowest lane of a mask.</summary>
    public static int First(uint mask) => System.Numerics.BitOperations.TrailingZeroCount(mask);

    /// <summary>Writes a 32-bit register in the active lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int offset, Vector512<uint> low, Vector512<uint> high)
    {
        uint* to = (uint*)(_registers + offset);
        if (Mask != ~0u)
        {
            low = Vector512.ConditionalSelect(MaskLow, low, Vector512.LoadAligned(to));
            high = Vector512.ConditionalSelect(MaskHigh, high, Vector512.LoadAligned(to + 16));
        }
        low.StoreAligned(to);
        high.StoreAligned(to + 16);
    }

    /// <summary>Writes a quarter of a 64-bit register in the active lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int offset, int quarter, Vector512<ulong> value)
    {
        ulong* to = (ulong*)(_registers + offset) + 8 * quarter;
        if (Mask != ~0u)
            value = Vector512.ConditionalSelect(LongMask(quarter), value, Vector512.LoadAligned(to));
        value.StoreAligned(to);
    }

    /// <summary>Writes a predicate in the active lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int offset, uint bits)
    {
        uint* to = (uint*)(_registers + offset);
        *to = (*to & ~Mask) | (bits & Mask);
    }

    Vector512<ulong> LongMask(int quarter)
    {
        Vector512<int> half = (quarter < 2 ? MaskLow : MaskHigh).AsInt32();
        return ((quarter & 1) == 0 ? Vector512.WidenLower(half) : Vector512.WidenUpper(half)).AsUInt64();
    }

    // The lanes part: those that do not take the branch wait in the stack, and so does the place where both
    // meet. A side that is there already needs no entry.
    int Part(ProgramBlock* block, uint taken)
    {
        if (_depth + 2 > _waiting.Length)
            Array.Resize(ref _waiting, 2 * _waiting.Length);
        uint others = Mask & ~taken;
        // The entry below is the meeting place with all lanes; entries above it run first. A loop that lanes
        // leave one after the other finds the place there already.
        if (_depth == 0 || _waiting[_depth - 1].Meeting != block->Meeting)
            _waiting[_depth++] = (block->Meeting, block->Meeting, Mask);
        if (block->Target == block->Meeting)
        {
            SetMask(others);
            return block->Next;
        }
        if (block->Next != block->Meeting)
            _waiting[_depth++] = (block->Next, block->Meeting, others);
        SetMask(taken);
        return block->Target;
    }

    // Ends lanes; false once none is left.
    bool Finish(uint ended)
    {
        Alive &= ~ended;
        for (int i = 0; i < _depth; i++)
            _waiting[i].Mask &= ~ended;
        SetMask(Mask & ~ended);
        return Alive != 0;
    }

    uint* Special(int index) => (uint*)(_registers + index * RegisterSlots.Size(RegisterWidth.Word));

    void Fill(int index, Dim3 value)
    {
        new Span<uint>(Special(index), Lanes).Fill((uint)value.X);
        new Span<uint>(Special(index + 1), Lanes).Fill((uint)value.Y);
        new Span<uint>(Special(index + 2), Lanes).Fill((uint)value.Z);
    }
}
