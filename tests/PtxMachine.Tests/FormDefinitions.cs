namespace HeadTap.PtxMachine.Tests;

/// <summary>What each opcode computes, one thread at a time, as the PTX manual words it.</summary>
static class FormDefinitions
{
    delegate ulong Definition(ulong a, ulong b, ulong c);

    static readonly Dictionary<string, Definition> _all = Build();

    /// <summary>True where an opcode has a definition.</summary>
    public static bool Has(string opcode) => _all.ContainsKey(opcode);

    /// <summary>The result's bits; predicates are 0 or 1.</summary>
    public static ulong Compute(string opcode, ulong a, ulong b, ulong c) => _all[opcode](a, b, c);

    static float F(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    static ulong Bits(float value) =>
        float.IsNaN(value) ? 0x7fffffff : BitConverter.SingleToUInt32Bits(value);

    static ulong Flush(ulong bits) =>
        float.IsSubnormal(F(bits)) ? bits & 0x80000000 : bits;

    static ulong One(bool holds) => holds ? 1u : 0;

    static Dictionary<string, Definition> Build()
    {
        Dictionary<string, Definition> d = [];
        void Add(string opcodes, Definition definition)
        {
            foreach (string opcode in opcodes.Split(' '))
                d.Add(opcode, definition);
        }
        Add("mov.b32 mov.u32 mov.s32 mov.f32 mov.b64 mov.u64 mov.s64 mov.pred", (a, b, c) => a);
        Add("cvta.global.u64 cvta.to.global.u64", (a, b, c) => a);
        Add("not.pred", (a, b, c) => 1 - a);
        Add("and.pred and.b32 and.b64", (a, b, c) => a & b);
        Add("or.pred or.b32 or.b64", (a, b, c) => a | b);
        Add("xor.pred xor.b32 xor.b64", (a, b, c) => a ^ b);
        Add("selp.b32 selp.u32 selp.s32 selp.f32 selp.b64 selp.u64 selp.s64", (a, b, c) => c != 0 ? a : b);
        Add("not.b32", (a, b, c) => (uint)~a);
        Add("not.b64", (a, b, c) => ~a);
        AddIntegers(Add);
        AddShifts(Add);
        AddFloats(Add);
        AddApproximate(Add);
        AddComparisons(Add);
        AddConversions(Add);
        return d;
    }

    static void AddIntegers(Action<string, Definition> add)
    {
        add("add.s32 add.u32", (a, b, c) => (uint)(a + b));
        add("sub.s32 sub.u32", (a, b, c) => (uint)(a - b));
        add("mul.lo.s32 mul.lo.u32", (a, b, c) => (uint)(a * b));
        add("mul.hi.s32", (a, b, c) => (uint)((Int128)(int)a * (int)b >> 32));
        add("mul.hi.u32", (a, b, c) => (uint)((UInt128)a * b >> 32));
        add("mad.lo.s32 mad.lo.u32", (a, b, c) => (uint)(a * b + c));
        add("div.s32", (a, b, c) => (uint)b == 0 ? uint.MaxValue : (uint)((long)(int)a / (int)b));
        add("div.u32", (a, b, c) => b == 0 ? uint.MaxValue : a / b);
        add("rem.s32", (a, b, c) => (uint)b == 0 ? a : (uint)((long)(int)a % (int)b));
        add("rem.u32", (a, b, c) => b == 0 ? a : a % b);
        add("min.s32", (a, b, c) => (int)a < (int)b ? a : b);
        add("max.s32", (a, b, c) => (int)a > (int)b ? a : b);
        add("min.u32 min.u64", (a, b, c) => a < b ? a : b);
        add("max.u32 max.u64", (a, b, c) => a > b ? a : b);
        add("neg.s32", (a, b, c) => (uint)-(int)a);
        add("abs.s32", (a, b, c) => (int)a < 0 ? (uint)-(int)a : a);
        add("add.s64 add.u64", (a, b, c) => a + b);
        add("sub.s64 sub.u64", (a, b, c) => a - b);
        add("mul.lo.s64 mul.lo.u64", (a, b, c) => a * b);
        add("mad.lo.s64 mad.lo.u64", (a, b, c) => a * b + c);
        add("mul.wide.u32", (a, b, c) => a * b);
        add("mul.wide.s32", (a, b, c) => (ulong)((long)(int)a * (int)b));
        add("mad.wide.u32", (a, b, c) => a * b + c);
        add("mad.wide.s32", (a, b, c) => (ulong)((long)(int)a * (int)b) + c);
        add("div.s64", (a, b, c) =>
            b == 0 ? ulong.MaxValue : (ulong)(Int128.CreateChecked((long)a) / (long)b));
        add("div.u64", (a, b, c) => b == 0 ? ulong.MaxValue : a / b);
        add("rem.s64", (a, b, c) => b == 0 ? a : (ulong)(Int128.CreateChecked((long)a) % (long)b));
        add("rem.u64", (a, b, c) => b == 0 ? a : a % b);
        add("min.s64", (a, b, c) => (long)a < (long)b ? a : b);
        add("max.s64", (a, b, c) => (long)a > (long)b ? a : b);
        add("neg.s64", (a, b, c) => 0 - a);
    }

    static void AddShifts(Action<string, Definition> add)
    {
        add("shl.b32", (a, b, c) => b >= 32 ? 0 : (uint)(a << (int)b));
        add("shr.u32 shr.b32", (a, b, c) => b >= 32 ? 0 : a >> (int)b);
        add("shr.s32", (a, b, c) => (uint)((long)(int)a >> (int)Math.Min(b, 32)));
        add("shl.b64", (a, b, c) => b >= 64 ? 0 : a << (int)b);
        add("shr.u64 shr.b64", (a, b, c) => b >= 64 ? 0 : a >> (int)b);
        add("shr.s64", (a, b, c) => (ulong)((Int128)(long)a >> (int)Math.Min(b, 64)));
    }

    static void AddFloats(Action<string, Definition> add)
    {
        void Both(string opcode, Definition definition)
        {
            add($"{opcode}.f32", definition);
            add($"{opcode}.ftz.f32", (a, b, c) => Flush(definition(Flush(a), Flush(b), Flush(c))));
        }
        Both("add", (a, b, c) => Bits(F(a) + F(b)));
        Both("add.rn", (a, b, c) => Bits(F(a) + F(b)));
        add("add.sat.f32", (a, b, c) => F(a) + F(b) is float s && s > 0 ? Bits(Math.Min(s, 1)) : 0);
        Both("sub", (a, b, c) => Bits(F(a) - F(b)));
        Both("sub.rn", (a, b, c) => Bits(F(a) - F(b)));
        Both("mul", (a, b, c) => Bits(F(a) * F(b)));
        Both("mul.rn", (a, b, c) => Bits(F(a) * F(b)));
        Both("fma.rn", (a, b, c) => Bits(MathF.FusedMultiplyAdd(F(a), F(b), F(c))));
        add("fma-minus", (a, b, c) => Bits(MathF.FusedMultiplyAdd(F(a), F(b), -F(c))));
        add("minus-fma", (a, b, c) => Bits(MathF.FusedMultiplyAdd(-F(a), F(b), F(c))));
        add("mad.rn.f32", (a, b, c) => Bits(MathF.FusedMultiplyAdd(F(a), F(b), F(c))));
        Both("div.rn", (a, b, c) => Bits(F(a) / F(b)));
        Both("rcp.rn", (a, b, c) => Bits(1 / F(a)));
        Both("sqrt.rn", (a, b, c) => Bits(MathF.Sqrt(F(a))));
        Both("min", (a, b, c) => Least(a, b, 1));
        Both("max", (a, b, c) => Least(a, b, -1));
        Both("neg", (a, b, c) => a ^ 0x80000000);
        Both("abs", (a, b, c) => a & 0x7fffffff);
    }

    // Of a number and NaN the number; of zeros the minus is less. The sign says which end.
    static ulong Least(ulong a, ulong b, int sign)
    {
        if (float.IsNaN(F(a)) || float.IsNaN(F(b)))
            return float.IsNaN(F(a)) ? float.IsNaN(F(b)) ? 0x7fffffff : b : a;
        if (F(a) == 0 && F(b) == 0)
            return sign > 0 ? a | b : a & b;
        return F(a) * sign < F(b) * sign ? a : b;
    }

    static void AddApproximate(Action<string, Definition> add)
    {
        void Both(string stem, Func<double, double> exact)
        {
            add($"{stem}.approx.f32", (a, b, c) => Bits((float)exact(F(a))));
            add($"{stem}.approx.ftz.f32", (a, b, c) => Flush(Bits((float)exact(F(Flush(a))))));
        }
        Both("ex2", x => Math.Pow(2, x));
        Both("lg2", Math.Log2);
        Both("rcp", x => 1 / x);
        Both("sqrt", Math.Sqrt);
        Both("rsqrt", x => 1 / Math.Sqrt(x));
        Both("sin", Math.Sin);
        Both("cos", Math.Cos);
        add("tanh.approx.f32", (a, b, c) => Bits((float)Math.Tanh(F(a))));
        add("div.full.f32", (a, b, c) => Bits(F(a) / F(b)));
        add("div.approx.f32", (a, b, c) =>
            float.IsFinite(F(b)) && Math.Abs(F(b)) > MathF.Pow(2, 126)
                ? float.IsFinite(F(a)) ? Bits(0) | ((a ^ b) & 0x80000000) : 0x7fffffff
                : Bits(F(a) / F(b)));
    }

    static void AddComparisons(Action<string, Definition> add)
    {
        add("testp.notanumber.f32", (a, b, c) => One(float.IsNaN(F(a))));
        add("setp.eq.s32 setp.eq.u32 setp.eq.b32 setp.eq.s64 setp.eq.u64 setp.eq.b64",
            (a, b, c) => One(a == b));
        add("setp.ne.s32 setp.ne.u32 setp.ne.b32 setp.ne.s64 setp.ne.u64 setp.ne.b64",
            (a, b, c) => One(a != b));
        add("setp.lt.s32", (a, b, c) => One((int)a < (int)b));
        add("setp.le.s32", (a, b, c) => One((int)a <= (int)b));
        add("setp.gt.s32", (a, b, c) => One((int)a > (int)b));
        add("setp.ge.s32", (a, b, c) => One((int)a >= (int)b));
        add("setp.lt.s64", (a, b, c) => One((long)a < (long)b));
        add("setp.le.s64", (a, b, c) => One((long)a <= (long)b));
        add("setp.gt.s64", (a, b, c) => One((long)a > (long)b));
        add("setp.ge.s64", (a, b, c) => One((long)a >= (long)b));
        add("setp.lt.u32 setp.lo.u32 setp.lt.u64", (a, b, c) => One(a < b));
        add("setp.le.u32 setp.ls.u32 setp.le.u64", (a, b, c) => One(a <= b));
        add("setp.gt.u32 setp.hi.u32 setp.gt.u64", (a, b, c) => One(a > b));
        add("setp.ge.u32 setp.hs.u32 setp.ge.u64", (a, b, c) => One(a >= b));
        void Float(string name, Func<float, float, bool> holds)
        {
            add($"setp.{name}.f32", (a, b, c) =>
                One(!float.IsNaN(F(a)) && !float.IsNaN(F(b)) && holds(F(a), F(b))));
            add($"setp.{name}u.f32", (a, b, c) =>
                One(float.IsNaN(F(a)) || float.IsNaN(F(b)) || holds(F(a), F(b))));
        }
        Float("eq", (a, b) => a == b);
        Float("ne", (a, b) => a != b);
        Float("lt", (a, b) => a < b);
        Float("le", (a, b) => a <= b);
        Float("gt", (a, b) => a > b);
        Float("ge", (a, b) => a >= b);
        add("setp.num.f32", (a, b, c) => One(!float.IsNaN(F(a)) && !float.IsNaN(F(b))));
        add("setp.nan.f32", (a, b, c) => One(float.IsNaN(F(a)) || float.IsNaN(F(b))));
    }

    static void AddConversions(Action<string, Definition> add)
    {
        add("cvt.s64.s32 cvt.u64.s32", (a, b, c) => (ulong)(int)a);
        add("cvt.u64.u32 cvt.s64.u32", (a, b, c) => a);
        add("cvt.s32.s64 cvt.u32.s64 cvt.s32.u64 cvt.u32.u64", (a, b, c) => (uint)a);
        add("cvt.s32.u32 cvt.u32.s32 cvt.s32.s32 cvt.u32.u32", (a, b, c) => a);
        add("cvt.s64.u64 cvt.u64.s64 cvt.s64.s64 cvt.u64.u64", (a, b, c) => a);
        // Through decimal, which holds every 64-bit integer, so that the result is rounded once.
        add("cvt.rn.f32.s32", (a, b, c) => Bits((float)(double)(int)a));
        add("cvt.rn.f32.u32", (a, b, c) => Bits((float)(double)a));
        add("cvt.rn.f32.s64", (a, b, c) => Bits(Nearest((long)a)));
        add("cvt.rn.f32.u64", (a, b, c) => Bits(Nearest(a)));
        add("cvt.rna.tf32.f32", (a, b, c) => Tf32(a));
        add("cvt.rn.bf16x2.f32", (a, b, c) => Bf16(a) << 16 | Bf16(b));
        add("cvt.rn.f16x2.f32", (a, b, c) => F16(a) << 16 | F16(b));
        foreach ((string name, Func<double, double> round) in ((string, Func<double, double>)[])
            [("rni", x => Math.Round(x, MidpointRounding.ToEven)), ("rzi", Math.Truncate),
                ("rmi", Math.Floor), ("rpi", Math.Ceiling)])
        {
            add($"cvt.{name}.s32.f32", (a, b, c) => (uint)(int)Integer(F(a), round, 31, signed: true));
            add($"cvt.{name}.u32.f32", (a, b, c) => (uint)Integer(F(a), round, 32, signed: false));
            add($"cvt.{name}.s64.f32", (a, b, c) => float.IsNaN(F(a))
                ? 1ul << 63 : (ulong)(long)Integer(F(a), round, 63, signed: true));
            add($"cvt.{name}.u64.f32", (a, b, c) => float.IsNaN(F(a))
                ? 1ul << 63 : (ulong)Integer(F(a), round, 64, signed: false));
            add($"cvt.{name}.f32.f32", (a, b, c) => Bits((float)round(F(a))));
        }
    }

    static Int128 Integer(float value, Func<double, double> round, int bits, bool signed)
    {
        if (float.IsNaN(value))
            return 0;
        Int128 most = ((Int128)1 << bits) - 1, least = signed ? -((Int128)1 << bits) : 0;
        double rounded = round(value);
        return rounded >= (double)most ? most : rounded <= (double)least ? least : (Int128)rounded;
    }

    // The nearest float of an integer, ties to even, by halves of the distance to both neighbours.
    static float Nearest(Int128 value)
    {
        float guess = (float)(double)value;
        foreach (float other in (float[])[MathF.BitDecrement(guess), MathF.BitIncrement(guess)])
        {
            Int128 near = Int128.Abs(value - (Int128)guess), far = Int128.Abs(value - (Int128)other);
            if (far < near || (far == near && (BitConverter.SingleToUInt32Bits(guess) & 1) != 0))
                guess = other;
        }
        return guess;
    }

    static ulong Tf32(ulong a)
    {
        if (!float.IsFinite(F(a)))
            return Bits(F(a));
        ulong kept = a & 0xffffe000, rest = a & 0x1fff;
        return rest >= 0x1000 ? kept + 0x2000 : kept;
    }

    static ulong Bf16(ulong a)
    {
        if (float.IsNaN(F(a)))
            return 0x7fff;
        ulong kept = a >> 16, rest = a & 0xffff;
        return rest > 0x8000 || (rest == 0x8000 && (kept & 1) != 0) ? kept + 1 : kept;
    }

    static ulong F16(ulong a) =>
        float.IsNaN(F(a)) ? 0x7ffful : BitConverter.HalfToUInt16Bits((Half)F(a));
}
