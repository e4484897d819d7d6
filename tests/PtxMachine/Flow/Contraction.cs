namespace HeadTap.PtxMachine;

/// <summary>
/// Fuses products and sums as an assembler may: PTX lets <c>mul.f32</c> and a following <c>add.f32</c> or
/// <c>sub.f32</c> become one multiply-add where neither names a rounding mode.
/// </summary>
/// <remarks>
/// ptxas does so by default, in a way that it does not document. Here every sum in the product's basic block
/// is fused, also where the product has other uses. Of two products the seed chooses one. A product that
/// nobody needs any more still runs.
/// </remarks>
static class Contraction
{
    /// <summary>The entry with its sums fused; instructions keep their places and their lines.</summary>
    public static PtxEntry Of(PtxEntry entry, BasicBlock[] blocks, int seed)
    {
        PtxInstruction[] body = [.. entry.Instructions];
        foreach (BasicBlock block in blocks)
            Fuse(body, block, seed);
        return entry.With(body);
    }

    static void Fuse(PtxInstruction[] body, BasicBlock block, int seed)
    {
        Dictionary<int, PtxInstruction> products = [];
        for (int i = block.First; i < block.Past; i++)
        {
            PtxInstruction at = body[i];
            if (at.Predicate < 0 && at.Opcode is "add.f32" or "sub.f32")
                body[i] = Fused(at, products, seed);
            // A register that is written again holds neither the product nor what it was made of.
            foreach (int register in at.Written)
                foreach (int product in products.Where(p => p.Key == register
                    || p.Value.Read.Contains(register)).Select(p => p.Key).ToArray())
                    products.Remove(product);
            if (at.Predicate < 0 && at.Opcode == "mul.f32" && !at.Read.Contains(at.Operands[0].Register))
                products[at.Operands[0].Register] = at;
        }
    }

    static PtxInstruction Fused(PtxInstruction sum, Dictionary<int, PtxInstruction> products, int seed)
    {
        PtxOperand left = sum.Operands[1], right = sum.Operands[2];
        PtxInstruction? first = Product(left), second = Product(right);
        if (first is null && second is null)
            return sum;
        bool takeFirst = second is null || (first is not null && seed % 2 == 0);
        PtxInstruction product = takeFirst ? first! : second!;
        string opcode = sum.Opcode == "add.f32" ? "fma.rn.f32"
            : takeFirst ? PtxOpcode.ProductMinus : PtxOpcode.MinusProduct;
        return sum with
        {
            Code = new(opcode),
            Operands = [sum.Operands[0], product.Operands[1], product.Operands[2], takeFirst ? right : left],
        };

        PtxInstruction? Product(PtxOperand operand) => operand.Kind == OperandKind.Register
            ? products.GetValueOrDefault(operand.Register) : null;
    }
}
