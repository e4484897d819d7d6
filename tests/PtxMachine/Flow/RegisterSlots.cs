namespace HeadTap.PtxMachine;

/// <summary>
/// Gives every register a place in a warp's register file; registers that never live at the same time share
/// one, so that the files of big kernels fit the caches.
/// </summary>
/// <remarks>
/// A lane writes its own part of a slot alone, so what holds of one thread's registers holds of a warp's. A
/// register lives from the first to the last place of the text where it is needed.
/// </remarks>
sealed class RegisterSlots
{
    readonly int[] _first, _last;

    /// <summary>Finds the places.</summary>
    /// <param name="entry">Whose registers.</param>
    /// <param name="blocks">Its basic blocks.</param>
    /// <param name="start">Bytes of the file that are taken already.</param>
    public RegisterSlots(PtxEntry entry, BasicBlock[] blocks, int start)
    {
        int count = entry.Registers.Count;
        Offsets = new int[count];
        _first = new int[count];
        _last = new int[count];
        Array.Fill(_first, int.MaxValue);
        Array.Fill(_last, -1);
        FindLives(entry, blocks);
        Bytes = Place(entry, start);
    }

    /// <summary>Byte offsets in the file, by register; those of special registers are not set.</summary>
    public int[] Offsets { get; }

    /// <summary>Bytes of the file.</summary>
    public int Bytes { get; }

    void FindLives(PtxEntry entry, BasicBlock[] blocks)
    {
        int count = entry.Registers.Count;
        int[] home = new int[count];
        Array.Fill(home, -1);
        bool[] crosses = new bool[count];
        for (int b = 0; b < blocks.Length; b++)
            for (int i = blocks[b].First; i < blocks[b].Past; i++)
            {
                PtxInstruction at = entry.Instructions[i];
                Touch(at.Read, i, b);
                Touch(at.Written, i, b);
            }
        Extend(entry, blocks, crosses);

        void Touch(int[] registers, int at, int block)
        {
            foreach (int register in registers)
            {
                crosses[register] |= home[register] >= 0 && home[register] != block;
                home[register] = block;
                _first[register] = Math.Min(_first[register], at);
                _last[register] = Math.Max(_last[register], at);
            }
        }
    }

    // Liveness over blocks, of the registers that more than one block touches.
    void Extend(PtxEntry entry, BasicBlock[] blocks, bool[] crosses)
    {
        int[] shared = [.. Enumerable.Range(0, crosses.Length).Where(r => crosses[r])];
        int[] bit = new int[crosses.Length];
        for (int i = 0; i < shared.Length; i++)
            bit[shared[i]] = i;
        int words = (shared.Length + 63) / 64;
        ulong[][] reads = Sets(blocks.Length, words), kills = Sets(blocks.Length, words),
            into = Sets(blocks.Length, words), from = Sets(blocks.Length, words);
        for (int b = 0; b < blocks.Length; b++)
            for (int i = blocks[b].First; i < blocks[b].Past; i++)
            {
                foreach (int register in entry.Instructions[i].Read)
                    if (crosses[register] && !Has(kills[b], bit[register]))
                        reads[b][bit[register] >> 6] |= 1ul << bit[register];
                foreach (int register in entry.Instructions[i].Written)
                    if (crosses[register])
                        kills[b][bit[register] >> 6] |= 1ul << bit[register];
            }
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int b = blocks.Length - 1; b >= 0; b--)
                for (int w = 0; w < words; w++)
                {
                    ulong after = 0;
                    foreach (int s in blocks[b].Successors)
                        after |= into[s][w];
                    ulong before = reads[b][w] | (after & ~kills[b][w]);
                    changed |= before != into[b][w];
                    (from[b][w], into[b][w]) = (after, before);
                }
        }
        for (int b = 0; b < blocks.Length; b++)
            for (int i = 0; i < shared.Length; i++)
            {
                if (Has(into[b], i))
                    _first[shared[i]] = Math.Min(_first[shared[i]], blocks[b].First);
                if (Has(from[b], i))
                    _last[shared[i]] = Math.Max(_last[shared[i]], blocks[b].Past);
            }
    }

    static ulong[][] Sets(int count, int words) =>
        [.. Enumerable.Range(0, count).Select(_ => new ulong[words])];

    static bool Has(ulong[] set, int bit) => (set[bit >> 6] >> bit & 1) != 0;

    // In the order of their first places; a slot is free again behind the last place of its register.
    int Place(PtxEntry entry, int start)
    {
        int[] order = [.. Enumerable.Range(PtxRegister.Special.Length,
            Offsets.Length - PtxRegister.Special.Length).Where(r => _last[r] >= 0).OrderBy(r => _first[r])];
        Stack<int>[] free = [new(), new(), new()];
        PriorityQueue<int, int> alive = new();
        int bytes = start;
        foreach (int register in order)
        {
            while (alive.TryPeek(out int other, out int last) && last < _first[register])
                free[(int)entry.Registers[alive.Dequeue()].Width].Push(Offsets[other]);
            int width = (int)entry.Registers[register].Width;
            if (free[width].TryPop(out int slot))
                Offsets[register] = slot;
            else
            {
                Offsets[register] = bytes;
                bytes += Size(entry.Registers[register].Width);
            }
            alive.Enqueue(register, _last[register]);
        }
        return bytes;
    }

    /// <summary>Bytes of a slot; a predicate takes a whole cache line, so that vectors stay
    /// aligned.</summary>
    public static int Size(RegisterWidth width) => width switch
    {
        RegisterWidth.Predicate => 64,
        RegisterWidth.Word => 128,
        _ => 256,
    };
}
