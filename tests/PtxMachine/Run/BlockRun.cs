using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// Runs blocks one after the other on one core: holds the warps, the shared memory and the time that orders
/// accesses.
/// </summary>
sealed unsafe class BlockRun
{
    readonly List<Warp> _warps = [];
    readonly List<long> _chunks = [];
    int _warpCount;
    int _sharedCapacity;
    long _interval;

    /// <summary>The launch that it works for.</summary>
    public Launch Launch { get; private set; } = null!;

    /// <summary>Indices of the block that runs.</summary>
    public Dim3 Index { get; private set; }

    /// <summary>Shared memory of the block.</summary>
    public byte* Shared { get; private set; }

    /// <summary>Two records for each word of it; see <see cref="ShadowRecord"/>.</summary>
    public ulong* Shadow { get; private set; }

    /// <summary>The time: the interval between barriers, which no other block and no other launch
    /// has.</summary>
    public ulong Time { get; private set; }

    /// <summary>The first time of the block: what is older was written by others.</summary>
    public ulong FirstTime { get; private set; }

    /// <summary>Copy of the launch's, near at hand.</summary>
    public bool Races, Bounds, Uninitialised, WorstCase;

    /// <summary>Copy of the launch's.</summary>
    public long MaxInstructions;

    /// <summary>The first number of this launch; records with less are of earlier ones.</summary>
    public ulong LaunchChunk;

    /// <summary>Copy of the launch's allocations.</summary>
    public Allocation[] Allocations = [];

    /// <summary>The shared symbols.</summary>
    public SharedSymbol[] Symbols = [];

    /// <summary>True where writes of shared memory are remembered.</summary>
    public bool Watched;

    /// <summary>True where traffic and opcodes are counted.</summary>
    public bool Counting;

    /// <summary>Memory accesses so far.</summary>
    public Traffic Traffic;

    /// <summary>Memory accesses of each instruction in the launch.</summary>
    public AccessTally[] Tallies = [];

    /// <summary>How often a warp entered each basic block.</summary>
    public long[] Visits = [];

    /// <summary>Instructions so far.</summary>
    public long WarpInstructions, LaneInstructions;

    /// <summary>Frees the shared memory.</summary>
    ~BlockRun() => Release();

    /// <summary>Makes ready for the blocks of a launch.</summary>
    public void Prepare(Launch launch)
    {
        Launch = launch;
        MachineChecks checks = launch.Checks;
        (Races, Bounds, Uninitialised, WorstCase) =
            (checks.Races, checks.Bounds, checks.Uninitialised, checks.WorstCase);
        MaxInstructions = checks.MaxInstructions;
        Watched = Races || Uninitialised;
        Symbols = launch.Symbols;
        Counting = checks.Counters;
        if (Counting)
            (Visits, Tallies) = (new long[launch.Program.BlockCount],
                new AccessTally[launch.Program.Entry.Instructions.Count]);
        LaunchChunk = (ulong)launch.FirstChunk;
        Allocations = launch.Allocations;
        _warpCount = (int)((launch.Block.Count + Warp.Lanes - 1) / Warp.Lanes);
        while (_warps.Count < _warpCount)
            _warps.Add(new() { Block = this, Number = _warps.Count });
        if (_sharedCapacity < launch.SharedBytes)
        {
            Release();
            _sharedCapacity = launch.SharedBytes + 1023 & ~1023;
            Shared = (byte*)NativeMemory.AlignedAlloc((nuint)_sharedCapacity, 256);
            Shadow = (ulong*)NativeMemory.AllocZeroed(
                (nuint)_sharedCapacity / 4, ShadowRecord.BytesPerWord);
        }
        for (int i = 0; i < _warpCount; i++)
            _warps[i].Prepare(launch.Program, launch.Block, launch.Grid);
    }

    /// <summary>Runs a block to its end.</summary>
    public void Run(long number)
    {
        Index = Launch.Grid.At(number);
        _chunks.Clear();
        _interval = -1;
        BeginChunk(Launch.FirstChunk + number);
        FirstTime = Time;
        if (Launch.SharedBytes > 0)
            new Span<byte>(Shared, Launch.SharedBytes).Fill(0xff);
        for (int i = 0; i < _warpCount; i++)
            _warps[i].Begin(Index);
        while (true)
        {
            int ended = 0, waiting = -1;
            for (int i = 0; i < _warpCount; i++)
            {
                _warps[i].Run(Launch.Program);
                if (_warps[i].WaitsAt < 0)
                    ended++;
                else
                    waiting = i;
            }
            if (ended == _warpCount)
                break;
            MeetAtBarrier(ended, waiting);
        }
        for (int i = 0; i < _warpCount; i++)
        {
            WarpInstructions += _warps[i].WarpInstructions;
            LaneInstructions += _warps[i].LaneInstructions;
        }
    }

    /// <summary>True where a number of a record is this block's.</summary>
    public bool IsMine(ulong chunk)
    {
        if (chunk == Time >> ShadowRecord.IntervalBits)
            return true;
        foreach (long other in _chunks)
            if ((ulong)other == chunk)
                return true;
        return false;
    }

    /// <summary>Adds how often each opcode ran in the launch.</summary>
    public void AddOpcodes(Dictionary<string, long> opcodes)
    {
        for (int b = 0; b < Visits.Length; b++)
        {
            ProgramBlock block = Launch.Program.Blocks[b];
            for (int i = block.Index - block.Count + 1; Visits[b] > 0 && i <= block.Index; i++)
            {
                string opcode = Launch.Program.Entry.Instructions[i].Opcode;
                opcodes[opcode] = opcodes.GetValueOrDefault(opcode) + Visits[b];
            }
        }
    }

    /// <summary>A copy's bytes are there: from now on they are the issuer's write.</summary>
    public void CopyArrived(Warp warp, int lane, int word, int words)
    {
        if (Watched)
            for (int i = word; i < word + words; i++)
                Shadow[2 * i] = Record(warp, lane) | ShadowRecord.CopyOrWarps;
    }

    /// <summary>The record of an access that a lane makes now.</summary>
    public ulong Record(Warp warp, int lane) =>
        Time << ShadowRecord.TimeShift
        | (ulong)(warp.Number * Warp.Lanes + lane) << ShadowRecord.ThreadShift
        | (ulong)(warp.Syncs << ShadowRecord.SyncShift) & ShadowRecord.SyncMask;

    /// <summary>Ends the launch with what a lane met at an instruction.</summary>
    [DoesNotReturn]
    public void Fault(Warp warp, int instruction, int lane, FaultKind kind, string what)
    {
        PtxEntry entry = Launch.Program.Entry;
        PtxInstruction at = entry.Instructions[instruction];
        throw new PtxFault(kind, entry.Name, at.Line, at.Text, Index,
            Launch.Block.At(warp.Number * Warp.Lanes + lane), what);
    }

    void MeetAtBarrier(int ended, int waiting)
    {
        Warp warp = _warps[waiting];
        int instruction = Launch.Program.Blocks[warp.WaitsAt].Index;
        if (ended > 0)
            Fault(warp, instruction, 0, FaultKind.Barrier,
                $"a barrier that {ended} of the block's {_warpCount} warps never reach");
        IReadOnlyList<PtxInstruction> code = Launch.Program.Entry.Instructions;
        long id = code[instruction].Operands[0].Value;
        for (int i = 0; i < _warpCount; i++)
            if (code[Launch.Program.Blocks[_warps[i].WaitsAt].Index].Operands[0].Value != id)
                Fault(warp, instruction, 0, FaultKind.Barrier, "warps wait at different barriers");
        if (++_interval == 1 << ShadowRecord.IntervalBits)
            BeginChunk(Interlocked.Increment(ref Launch.Memory.NextChunk) - 1);
        else
            Time++;
    }

    void BeginChunk(long chunk)
    {
        _chunks.Add(chunk);
        _interval = 0;
        Time = (ulong)chunk << ShadowRecord.IntervalBits;
    }

    void Release()
    {
        NativeMemory.AlignedFree(Shared);
        NativeMemory.Free(Shadow);
    }
}
