namespace HeadTap.PtxMachine;

/// <summary>Makes what runs from what was read: a place for each register, a method for each
/// instruction.</summary>
sealed unsafe class ProgramBuilder
{
    readonly PtxEntry _entry;
    readonly KernelProgram _program;
    readonly Dictionary<(RegisterWidth, ulong), int> _numbers = [];
    readonly int[] _offsets;
    int _bytes;

    ProgramBuilder(PtxEntry entry, BasicBlock[] blocks)
    {
        _entry = entry;
        _program = new() { Entry = entry, Layout = new(entry.Symbols) };
        int special = PtxRegister.Special.Length * RegisterSlots.Size(RegisterWidth.Word);
        RegisterSlots slots = new(entry, blocks, special);
        (_offsets, _bytes) = (slots.Offsets, slots.Bytes);
        for (int i = 0; i < PtxRegister.Special.Length; i++)
            _offsets[i] = i * RegisterSlots.Size(RegisterWidth.Word);
    }

    /// <summary>The program of an entry; a form that the machine does not know is a fault.</summary>
    public static KernelProgram Build(PtxEntry entry)
    {
        BasicBlock[] blocks = ControlFlow.Blocks(entry);
        ProgramBuilder builder = new(entry, blocks);
        builder.Build(blocks);
        return builder._program;
    }

    void Build(BasicBlock[] blocks)
    {
        int guards = _entry.Instructions.Count(i => i.Predicate >= 0);
        Op* next = _program.Own<Op>(_entry.Instructions.Count + 2 * guards + 1);
        ProgramBlock* built = _program.Own<ProgramBlock>(blocks.Length);
        for (int b = 0; b < blocks.Length; b++)
        {
            BasicBlock block = blocks[b];
            built[b] = new()
            {
                First = next,
                End = block.End,
                Next = block.Next,
                Target = block.Target,
                Meeting = block.Meeting,
                Predicate = -1,
                Index = Math.Max(block.First, block.Past - 1),
                Count = block.Past - block.First,
            };
            for (int i = block.First; i < block.Past; i++)
            {
                PtxInstruction at = _entry.Instructions[i];
                if (at.EndsBlock && at.Opcode != "bar.warp.sync")
                {
                    built[b].Predicate = at.Predicate < 0 ? -1 : _offsets[at.Predicate];
                    built[b].Flip = at.Negated ? ~0u : 0;
                    built[b].Uniform = at.Opcode == "bra.uni";
                }
                else
                    next = Emit(at, i, next);
            }
            built[b].Past = next;
        }
        _program.Blocks = built;
        _program.BlockCount = blocks.Length;
        _program.FileBytes = _bytes;
    }

    Op* Emit(PtxInstruction at, int index, Op* next)
    {
        if (at.Predicate >= 0)
        {
            *next++ = new()
            {
                Run = &WarpForms.BeginGuard,
                A = _offsets[at.Predicate],
                Imm = at.Negated ? uint.MaxValue : 0,
                Index = index,
            };
            *next++ = Make(at, index);
            *next++ = new() { Run = &WarpForms.EndGuard, Index = index };
            return next;
        }
        *next++ = Make(at, index);
        return next;
    }

    Op Make(PtxInstruction at, int index)
    {
        Op op = at.Stem switch
        {
            "ld" or "st" => Access(at),
            "cp" => Copy(at),
            "shfl" => Shuffle(at),
            "ldmatrix" => LoadMatrix(at),
            "mma" => Multiply(at),
            "bar" => new() { Run = &WarpForms.Sync, A = Offset(at, Operand(at, 0), RegisterWidth.Word) },
            _ => Plain(at),
        };
        op.Index = index;
        return op;
    }

    Op Plain(PtxInstruction at)
    {
        long limit = at.Opcode.EndsWith("64", StringComparison.Ordinal) ? 64 : 32;
        bool small = at.Operands is [.., { Kind: OperandKind.Immediate } count]
            && (ulong)count.Value < (ulong)limit;
        if (!FormTable.TryFind(at.Opcode, small, out Form form))
            throw Fault(at, $"the machine does not know {at.Opcode}");
        if (form.Shape.Length != at.Operands.Length)
            throw Fault(at, $"{at.Opcode} takes {form.Shape.Length} operands");
        if (at.Operands[0].Kind != OperandKind.Register)
            throw Fault(at, "the result is no register");
        Op op = new() { Run = (delegate*<Op*, Warp, void>)form.Run };
        for (int i = 0; i < form.Shape.Length; i++)
        {
            int offset = form.Shape[i] == 'I' ? 0 : Offset(at, at.Operands[i], Width(form.Shape[i]));
            if (form.Shape[i] == 'I')
                op.Imm = at.Operands[i].Value;
            else if (i == 0)
                op.D = offset;
            else if (i == 1)
                op.A = offset;
            else if (i == 2)
                op.B = offset;
            else
                op.C = offset;
        }
        return op;
    }

    Op Access(PtxInstruction at)
    {
        bool load = at.Stem == "ld";
        string space = "", type = "";
        int count = 1;
        foreach (string part in at.Opcode.Split('.').Skip(1))
            switch (part)
            {
                case "global" or "shared" or "local" or "param":
                    space = part;
                    break;
                case "v2" or "v4":
                    count = part[1] - '0';
                    break;
                case "b32" or "u32" or "s32" or "f32" or "b64" or "u64" or "s64":
                    type = part;
                    break;
                case "volatile" or "nc" or "ca" or "cg" or "cs" or "lu" or "cv" or "wb" or "wt" or "weak":
                    break;
                default:
                    throw Fault(at, $"the machine does not know .{part} of {at.Stem}");
            }
        if (space == "" || type == "" || at.Operands.Length != 2 || count * (type[1] - '0') > 12)
            throw Fault(at, $"the machine does not know {at.Opcode}");
        RegisterWidth width = type.EndsWith("64", StringComparison.Ordinal)
            ? RegisterWidth.Long : RegisterWidth.Word;
        PtxOperand values = at.Operands[load ? 0 : 1], address = at.Operands[load ? 1 : 0];
        PtxOperand[] elements = values.Elements ?? [values];
        if (elements.Length != count || address.Kind != OperandKind.Memory)
            throw Fault(at, $"{at.Opcode} takes {count} registers and an address");
        int size = count * (width == RegisterWidth.Long ? 8 : 4);
        if (space == "param")
            return Parameter(at, load, elements, address, width, size);
        Op op = Address(at, address, wide: space == "global");
        op.Count = count;
        op.Size = size;
        op.List = List(elements.Select(e => Offset(at, e, width)));
        op.Run = width == RegisterWidth.Long ? Method<ulong>(space, load) : Method<uint>(space, load);
        return op;
    }

    static delegate*<Op*, Warp, void> Method<T>(string space, bool load) where T : unmanaged => space switch
    {
        "global" => load ? &GlobalForms.Load<T> : &GlobalForms.Store<T>,
        "shared" => load ? &SharedForms.Load<T> : &SharedForms.Store<T>,
        _ => load ? &SmallMemoryForms.LoadLocal<T> : &SmallMemoryForms.StoreLocal<T>,
    };

    Op Parameter(
        PtxInstruction at, bool load, PtxOperand[] elements, PtxOperand address, RegisterWidth width,
        int size)
    {
        PtxParameter parameter = _entry.Parameters.FirstOrDefault(p => p.Name == address.Name);
        if (!load || elements.Length > 1 || address.Register >= 0 || parameter.Name is null)
            throw Fault(at, "the machine knows loads of one value of a named parameter");
        if (address.Value < 0 || address.Value + size > parameter.Size)
            throw new PtxFault(FaultKind.OutOfBounds, _entry.Name, at.Line, at.Text,
                $"{size} bytes at offset {address.Value} of {parameter.Name}, which has {parameter.Size}");
        if (size > parameter.Alignment || address.Value % size != 0)
            throw new PtxFault(FaultKind.Misaligned, _entry.Name, at.Line, at.Text,
                $"{size} bytes at offset {address.Value} of {parameter.Name}, declared .align"
                + $" {parameter.Alignment}");
        return new()
        {
            Run = width == RegisterWidth.Long
                ? &SmallMemoryForms.LoadParameterLong : &SmallMemoryForms.LoadParameterWord,
            D = Offset(at, elements[0], width),
            Imm = parameter.Offset + address.Value,
        };
    }

    // The base may be a register of either width, or a symbol.
    Op Address(PtxInstruction at, PtxOperand address, bool wide)
    {
        if (address.Kind != OperandKind.Memory)
            throw Fault(at, "an address in brackets is missing");
        if (address.Register < 0)
        {
            long start = _program.Layout.Address(address.Name);
            if (start < 0 || wide)
                throw Fault(at, $"{address.Name} is no symbol of this space");
            return new() { A = Number(RegisterWidth.Long, (ulong)start), Imm = address.Value, Wide = true };
        }
        RegisterWidth width = _entry.Registers[address.Register].Width;
        if (width == RegisterWidth.Predicate || (wide && width != RegisterWidth.Long))
            throw Fault(at, "the address has the wrong width");
        return new()
        {
            A = _offsets[address.Register],
            Imm = address.Value,
            Wide = width == RegisterWidth.Long,
        };
    }

    Op Copy(PtxInstruction at)
    {
        Require(at, 80);
        switch (at.Opcode)
        {
            case "cp.async.commit_group":
                return new() { Run = &CopyForms.Commit };
            case "cp.async.wait_all":
                return new() { Run = &CopyForms.Wait, Imm = -1 };
            case "cp.async.wait_group":
                if (Operand(at, 0) is not { Kind: OperandKind.Immediate, Value: >= 0 } groups)
                    throw Fault(at, "the number of groups is missing");
                return new() { Run = &CopyForms.Wait, Imm = groups.Value };
            case "cp.async.ca.shared.global" or "cp.async.cg.shared.global":
                break;
            default:
                throw Fault(at, $"the machine does not know {at.Opcode}");
        }
        PtxOperand source = Operand(at, 1), size = Operand(at, 2);
        int bytes = (int)size.Value;
        bool fits = size.Kind == OperandKind.Immediate
            && (bytes == 16 || (bytes is 4 or 8 && at.Opcode.Contains(".ca.", StringComparison.Ordinal)));
        if (!fits || at.Operands.Length > 4)
            throw Fault(at, "a copy has 16 bytes, with .ca also 4 or 8");
        Op op = Address(at, at.Operands[0], wide: false);
        op.Run = &CopyForms.Issue;
        op.B = Address(at, source, wide: true).A;
        op.Count = (int)source.Value;
        op.Size = bytes;
        op.C = at.Operands.Length == 4 ? Offset(at, at.Operands[3], RegisterWidth.Word) : -1;
        return op;
    }

    Op Shuffle(PtxInstruction at)
    {
        PtxOperand result = Operand(at, 0);
        bool pair = result.Kind == OperandKind.Vector;
        if (at.Operands.Length != 5 || (pair && result.Elements!.Length != 2))
            throw Fault(at, $"{at.Opcode} takes 5 operands");
        return new()
        {
            Run = at.Opcode switch
            {
                "shfl.sync.bfly.b32" => &ShuffleForms.Run<ShuffleButterfly>,
                "shfl.sync.down.b32" => &ShuffleForms.Run<ShuffleDown>,
                "shfl.sync.up.b32" => &ShuffleForms.Run<ShuffleUp>,
                "shfl.sync.idx.b32" => &ShuffleForms.Run<ShuffleIndex>,
                _ => throw Fault(at, $"the machine does not know {at.Opcode}"),
            },
            D = Offset(at, pair ? result.Elements![0] : result, RegisterWidth.Word),
            A = Offset(at, at.Operands[1], RegisterWidth.Word),
            B = Offset(at, at.Operands[2], RegisterWidth.Word),
            C = Offset(at, at.Operands[3], RegisterWidth.Word),
            List = List([
                pair ? Offset(at, result.Elements![1], RegisterWidth.Predicate) : -1,
                Offset(at, at.Operands[4], RegisterWidth.Word)]),
        };
    }

    Op LoadMatrix(PtxInstruction at)
    {
        Require(at, 75);
        (int count, bool transposed) = at.Opcode switch
        {
            "ldmatrix.sync.aligned.m8n8.x1.shared.b16" => (1, false),
            "ldmatrix.sync.aligned.m8n8.x2.shared.b16" => (2, false),
            "ldmatrix.sync.aligned.m8n8.x4.shared.b16" => (4, false),
            "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16" => (1, true),
            "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16" => (2, true),
            "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16" => (4, true),
            _ => throw Fault(at, $"the machine does not know {at.Opcode}"),
        };
        Op op = Address(at, Operand(at, 1), wide: false);
        op.Run = transposed ? &WarpForms.LoadMatrixTransposed : &WarpForms.LoadMatrix;
        op.Count = count;
        op.List = List(Elements(at, 0, count));
        return op;
    }

    Op Multiply(PtxInstruction at)
    {
        (int k, int perRegister, int target) = at.Opcode switch
        {
            "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32" => (4, 1, 80),
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" => (8, 1, 80),
            "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32" => (8, 2, 80),
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" => (16, 2, 80),
            "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32" => (8, 2, 75),
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32" => (16, 2, 80),
            _ => throw Fault(at, $"the machine does not know {at.Opcode}"),
        };
        Require(at, target);
        int chunks = k / (4 * perRegister);
        Op op = new()
        {
            Imm = k,
            List = List([
                .. Elements(at, 0, 4), .. Elements(at, 1, 2 * chunks), .. Elements(at, 2, chunks),
                .. Elements(at, 3, 4)]),
        };
        op.Run = at.Opcode.Contains("tf32", StringComparison.Ordinal) ? &MatrixForms.Run<Tf32Matrix>
            : at.Opcode.Contains("bf16", StringComparison.Ordinal) ? &MatrixForms.Run<Bf16Matrix>
            : &MatrixForms.Run<F16Matrix>;
        return op;
    }

    IEnumerable<int> Elements(PtxInstruction at, int operand, int count)
    {
        if (Operand(at, operand).Elements is not PtxOperand[] elements || elements.Length != count)
            throw Fault(at, $"operand {operand + 1} takes {count} registers");
        return elements.Select(e => Offset(at, e, RegisterWidth.Word));
    }

    PtxOperand Operand(PtxInstruction at, int index) =>
        index < at.Operands.Length ? at.Operands[index] : throw Fault(at, "an operand is missing");

    int* List(IEnumerable<int> offsets)
    {
        int[] all = [.. offsets];
        int* list = _program.Own<int>(all.Length);
        all.CopyTo(new Span<int>(list, all.Length));
        return list;
    }

    int Offset(PtxInstruction at, PtxOperand operand, RegisterWidth width)
    {
        switch (operand.Kind)
        {
            case OperandKind.Register:
                if (_entry.Registers[operand.Register].Width != width)
                    throw Fault(at, $"{_entry.Registers[operand.Register].Name} has the wrong width");
                return _offsets[operand.Register];
            case OperandKind.Immediate:
                return Number(width,
                    width == RegisterWidth.Word ? (uint)operand.Value : (ulong)operand.Value);
            case OperandKind.Symbol when width != RegisterWidth.Predicate:
                return Number(width, (ulong)_program.Layout.Address(operand.Name));
            default:
                throw Fault(at, $"the operand {operand.Name} has no value");
        }
    }

    // A number of the text has a slot of its own, filled once for a launch.
    int Number(RegisterWidth width, ulong bits)
    {
        if (_numbers.TryGetValue((width, bits), out int offset))
            return offset;
        offset = _bytes;
        _bytes += RegisterSlots.Size(width);
        _numbers.Add((width, bits), offset);
        _program.Constants.Add((offset, width, bits));
        return offset;
    }

    static RegisterWidth Width(char letter) => letter switch
    {
        'W' => RegisterWidth.Word,
        'L' => RegisterWidth.Long,
        _ => RegisterWidth.Predicate,
    };

    void Require(PtxInstruction at, int target)
    {
        if (_entry.Target < target)
            throw new PtxFault(FaultKind.Architecture, _entry.Name, at.Line, at.Text,
                $"{at.Stem} needs sm_{target}, the text is for sm_{_entry.Target}");
    }

    PtxFault Fault(PtxInstruction at, string what) =>
        new(FaultKind.Syntax, _entry.Name, at.Line, at.Text, what);
}
