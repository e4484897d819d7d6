namespace HeadTap.PtxMachine;

/// <summary>Cuts a body into basic blocks and finds where diverged lanes meet again.</summary>
static class ControlFlow
{
    /// <summary>The blocks, in the order of the text; control begins at the first.</summary>
    public static BasicBlock[] Blocks(PtxEntry entry)
    {
        IReadOnlyList<PtxInstruction> code = entry.Instructions;
        bool[] starts = new bool[code.Count + 1];
        starts[0] = starts[^1] = true;
        foreach (int label in entry.Labels.Values)
            starts[label] = true;
        for (int i = 0; i < code.Count; i++)
            if (code[i].EndsBlock)
                starts[i + 1] = true;
        int[] block = new int[code.Count + 1];
        List<int> firsts = [];
        for (int i = 0; i <= code.Count; i++)
        {
            if (starts[i])
                firsts.Add(i);
            block[i] = firsts.Count - 1;
        }
        // The last start is the end of the body: a block without instructions, where threads end too.
        BasicBlock[] blocks = new BasicBlock[firsts.Count];
        for (int b = 0; b < blocks.Length; b++)
        {
            int past = b + 1 < firsts.Count ? firsts[b + 1] : firsts[b];
            blocks[b] = past == firsts[b]
                ? new(past, past, BlockEnd.Return, -1, -1)
                : Block(entry, code[past - 1], firsts[b], past, b + 1, block);
        }
        FindMeetings(blocks);
        return blocks;
    }

    static BasicBlock Block(
        PtxEntry entry, PtxInstruction last, int first, int past, int next, int[] block)
    {
        switch (last.Stem)
        {
            case "bra":
                if (last.Operands is not [{ Kind: OperandKind.Label } label]
                    || !entry.Labels.TryGetValue(label.Name, out int target)
                    || last.Opcode is not ("bra" or "bra.uni"))
                    throw new PtxFault(FaultKind.Syntax, entry.Name, last.Line, last.Text,
                        "a branch needs one label of this entry");
                return last.Predicate < 0
                    ? new(first, past, BlockEnd.Goto, -1, block[target])
                    : new(first, past, BlockEnd.Branch, next, block[target]);
            case "ret" or "exit":
                return new(first, past, BlockEnd.Return, last.Predicate < 0 ? -1 : next, -1);
            case "bar" or "barrier":
                bool whole = last.Opcode is "bar.sync" or "barrier.sync" or "barrier.sync.aligned"
                    && last.Operands is [{ Kind: OperandKind.Immediate }] && last.Predicate < 0;
                if (!whole && last.Opcode != "bar.warp.sync")
                    throw new PtxFault(FaultKind.Syntax, entry.Name, last.Line, last.Text,
                        "the machine knows barriers of the whole block, by an immediate and unguarded");
                return new(first, past, whole ? BlockEnd.Barrier : BlockEnd.Goto, next, -1);
            default:
                return new(first, past, BlockEnd.Goto, next, -1);
        }
    }

    // Immediate post-dominators by Cooper, Harvey and Kennedy's fixed point over the reversed graph, whose
    // root is a common end behind all returns.
    static void FindMeetings(BasicBlock[] blocks)
    {
        int end = blocks.Length;
        List<int>[] before = [.. Enumerable.Range(0, end + 1).Select(_ => new List<int>())];
        for (int b = 0; b < end; b++)
        {
            foreach (int successor in blocks[b].Successors)
                before[successor].Add(b);
            if (blocks[b].End == BlockEnd.Return)
                before[end].Add(b);
        }
        int[] number = new int[end + 1];
        List<int> order = PostOrder(before, end, number);
        int[] meeting = new int[end + 1];
        Array.Fill(meeting, -1);
        meeting[end] = end;
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = order.Count - 2; i >= 0; i--)
            {
                int b = order[i], found = blocks[b].End == BlockEnd.Return ? end : -1;
                foreach (int s in blocks[b].Successors)
                    if (meeting[s] >= 0)
                        found = found < 0 ? s : Common(found, s);
                changed |= found != meeting[b];
                meeting[b] = found;
            }
        }
        for (int b = 0; b < end; b++)
            blocks[b].Meeting = meeting[b] == end ? -1 : meeting[b];

        int Common(int a, int b)
        {
            while (a != b)
            {
                while (number[a] < number[b])
                    a = meeting[a];
                while (number[b] < number[a])
                    b = meeting[b];
            }
            return a;
        }
    }

    static List<int> PostOrder(List<int>[] edges, int root, int[] number)
    {
        List<int> order = [];
        Array.Fill(number, -1);
        Stack<(int Node, int Edge)> path = new([(root, 0)]);
        bool[] seen = new bool[edges.Length];
        seen[root] = true;
        while (path.TryPop(out (int Node, int Edge) top))
        {
            if (top.Edge == edges[top.Node].Count)
            {
                number[top.Node] = order.Count;
                order.Add(top.Node);
                continue;
            }
            path.Push((top.Node, top.Edge + 1));
            int next = edges[top.Node][top.Edge];
            if (!seen[next])
            {
                seen[next] = true;
                path.Push((next, 0));
            }
        }
        return order;
    }
}
