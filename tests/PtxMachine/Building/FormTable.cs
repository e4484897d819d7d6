namespace HeadTap.PtxMachine;

/// <summary>Every opcode that has registers and numbers alone as operands.</summary>
static unsafe class FormTable
{
    /// <summary>The limit of a shift by a number: larger counts take the form by register.</summary>
    const string ByNumber = "#";

    static readonly Dictionary<string, Form> _forms = Build();

    /// <summary>All opcodes, for tests.</summary>
    public static IEnumerable<string> Opcodes => _forms.Keys.Where(k => !k.EndsWith('#'));

    /// <summary>The form of an opcode; the one by a number where the last operand is a small one.</summary>
    public static bool TryFind(string opcode, bool smallCount, out Form form) =>
        (smallCount && _forms.TryGetValue(opcode + ByNumber, out form))
        || _forms.TryGetValue(opcode, out form);

    static Dictionary<string, Form> Build()
    {
        Dictionary<string, Form> forms = [];
        AddMoves(forms);
        AddIntegers(forms);
        AddLongs(forms);
        AddShifts(forms);
        AddFloats(forms);
        AddApproximate(forms);
        AddComparisons(forms);
        AddConversions(forms);
        return forms;
    }

    static void Add(
        Dictionary<string, Form> forms, string opcodes, string shape, delegate*<Op*, Warp, void> run)
    {
        foreach (string opcode in opcodes.Split(' '))
            forms.Add(opcode, new(shape, (nint)run));
    }

    static void AddMoves(Dictionary<string, Form> f)
    {
        Add(f, "mov.b32 mov.u32 mov.s32 mov.f32", "WW", &WordForms.Move);
        Add(f, "mov.b64 mov.u64 mov.s64", "LL", &LongForms.Move);
        Add(f, "cvta.global.u64 cvta.to.global.u64", "LL", &LongForms.Move);
        Add(f, "mov.pred", "PP", &CompareForms.Move);
        Add(f, "not.pred", "PP", &CompareForms.Not);
        Add(f, "and.pred", "PPP", &CompareForms.And);
        Add(f, "or.pred", "PPP", &CompareForms.Or);
        Add(f, "xor.pred", "PPP", &CompareForms.Xor);
        Add(f, "selp.b32 selp.u32 selp.s32 selp.f32", "WWWP", &WordForms.Select);
        Add(f, "selp.b64 selp.u64 selp.s64", "LLLP", &LongForms.Select);
    }

    static void AddIntegers(Dictionary<string, Form> f)
    {
        Add(f, "add.s32 add.u32", "WWW", &WordForms.Run2<AddWord>);
        Add(f, "sub.s32 sub.u32", "WWW", &WordForms.Run2<SubtractWord>);
        Add(f, "mul.lo.s32 mul.lo.u32", "WWW", &WordForms.Run2<MultiplyWord>);
        Add(f, "mul.hi.s32", "WWW", &WordForms.RunLanes<MultiplyHighSigned>);
        Add(f, "mul.hi.u32", "WWW", &WordForms.RunLanes<MultiplyHighUnsigned>);
        Add(f, "mad.lo.s32 mad.lo.u32", "WWWW", &WordForms.Run3<MultiplyAddWord>);
        Add(f, "div.s32", "WWW", &WordForms.RunLanes<DivideSigned>);
        Add(f, "div.u32", "WWW", &WordForms.RunLanes<DivideUnsigned>);
        Add(f, "rem.s32", "WWW", &WordForms.RunLanes<RemainderSigned>);
        Add(f, "rem.u32", "WWW", &WordForms.RunLanes<RemainderUnsigned>);
        Add(f, "min.s32", "WWW", &WordForms.Run2<MinSigned>);
        Add(f, "max.s32", "WWW", &WordForms.Run2<MaxSigned>);
        Add(f, "min.u32", "WWW", &WordForms.Run2<MinUnsigned>);
        Add(f, "max.u32", "WWW", &WordForms.Run2<MaxUnsigned>);
        Add(f, "and.b32", "WWW", &WordForms.Run2<AndWord>);
        Add(f, "or.b32", "WWW", &WordForms.Run2<OrWord>);
        Add(f, "xor.b32", "WWW", &WordForms.Run2<XorWord>);
        Add(f, "not.b32", "WW", &WordForms.Run1<NotWord>);
        Add(f, "neg.s32", "WW", &WordForms.Run1<NegateWord>);
        Add(f, "abs.s32", "WW", &WordForms.Run1<AbsoluteWord>);
    }

    static void AddLongs(Dictionary<string, Form> f)
    {
        Add(f, "add.s64 add.u64", "LLL", &LongForms.Run2<AddLong>);
        Add(f, "sub.s64 sub.u64", "LLL", &LongForms.Run2<SubtractLong>);
        Add(f, "mul.lo.s64 mul.lo.u64", "LLL", &LongForms.Run2<MultiplyLong>);
        Add(f, "mad.lo.s64 mad.lo.u64", "LLLL", &LongForms.Run3<MultiplyAddLong>);
        Add(f, "mul.wide.u32", "LWW", &LongForms.MultiplyWideUnsigned);
        Add(f, "mul.wide.s32", "LWW", &LongForms.MultiplyWideSigned);
        Add(f, "mad.wide.u32", "LWWL", &LongForms.MultiplyAddWideUnsigned);
        Add(f, "mad.wide.s32", "LWWL", &LongForms.MultiplyAddWideSigned);
        Add(f, "div.s64", "LLL", &LongForms.RunLanes<DivideSignedLong>);
        Add(f, "div.u64", "LLL", &LongForms.RunLanes<DivideUnsignedLong>);
        Add(f, "rem.s64", "LLL", &LongForms.RunLanes<RemainderSignedLong>);
        Add(f, "rem.u64", "LLL", &LongForms.RunLanes<RemainderUnsignedLong>);
        Add(f, "min.s64", "LLL", &LongForms.Run2<MinSignedLong>);
        Add(f, "max.s64", "LLL", &LongForms.Run2<MaxSignedLong>);
        Add(f, "min.u64", "LLL", &LongForms.Run2<MinUnsignedLong>);
        Add(f, "max.u64", "LLL", &LongForms.Run2<MaxUnsignedLong>);
        Add(f, "and.b64", "LLL", &LongForms.Run2<AndLong>);
        Add(f, "or.b64", "LLL", &LongForms.Run2<OrLong>);
        Add(f, "xor.b64", "LLL", &LongForms.Run2<XorLong>);
        Add(f, "not.b64", "LL", &LongForms.Run1<NotLong>);
        Add(f, "neg.s64", "LL", &LongForms.Run1<NegateLong>);
    }

    static void AddShifts(Dictionary<string, Form> f)
    {
        Add(f, "shl.b32", "WWW", &WordForms.RunLanes<ShiftLeftWord>);
        Add(f, "shr.u32 shr.b32", "WWW", &WordForms.RunLanes<ShiftRightWord>);
        Add(f, "shr.s32", "WWW", &WordForms.RunLanes<ShiftSignedWord>);
        Add(f, "shl.b64", "LLW", &LongForms.RunShift<ShiftLeftLong>);
        Add(f, "shr.u64 shr.b64", "LLW", &LongForms.RunShift<ShiftRightLong>);
        Add(f, "shr.s64", "LLW", &LongForms.RunShift<ShiftSignedLong>);
        Add(f, "shl.b32#", "WWI", &WordForms.ShiftLeftBy);
        Add(f, "shr.u32# shr.b32#", "WWI", &WordForms.ShiftRightBy);
        Add(f, "shr.s32#", "WWI", &WordForms.ShiftSignedBy);
        Add(f, "shl.b64#", "LLI", &LongForms.ShiftLeftBy);
        Add(f, "shr.u64# shr.b64#", "LLI", &LongForms.ShiftRightBy);
        Add(f, "shr.s64#", "LLI", &LongForms.ShiftSignedBy);
    }

    static void AddFloats(Dictionary<string, Form> f)
    {
        Add(f, "add.f32 add.rn.f32", "WWW", &WordForms.Run2<AddFloat>);
        Add(f, "add.ftz.f32 add.rn.ftz.f32", "WWW", &WordForms.Run2<Flush2<AddFloat>>);
        Add(f, "add.sat.f32", "WWW", &WordForms.Run2<Saturate2<AddFloat>>);
        Add(f, "sub.f32 sub.rn.f32", "WWW", &WordForms.Run2<SubtractFloat>);
        Add(f, "sub.ftz.f32 sub.rn.ftz.f32", "WWW", &WordForms.Run2<Flush2<SubtractFloat>>);
        Add(f, "mul.f32 mul.rn.f32", "WWW", &WordForms.Run2<MultiplyFloat>);
        Add(f, "mul.ftz.f32 mul.rn.ftz.f32", "WWW", &WordForms.Run2<Flush2<MultiplyFloat>>);
        Add(f, "fma.rn.f32 mad.rn.f32", "WWWW", &WordForms.Run3<FusedFloat>);
        Add(f, PtxOpcode.ProductMinus, "WWWW", &WordForms.Run3<FusedMinus>);
        Add(f, PtxOpcode.MinusProduct, "WWWW", &WordForms.Run3<MinusFused>);
        Add(f, "fma.rn.ftz.f32", "WWWW", &WordForms.Run3<Flush3<FusedFloat>>);
        Add(f, "div.rn.f32", "WWW", &WordForms.Run2<DivideFloat>);
        Add(f, "div.rn.ftz.f32", "WWW", &WordForms.Run2<Flush2<DivideFloat>>);
        Add(f, "rcp.rn.f32", "WW", &WordForms.Run1<ReciprocalFloat>);
        Add(f, "rcp.rn.ftz.f32", "WW", &WordForms.Run1<Flush1<ReciprocalFloat>>);
        Add(f, "sqrt.rn.f32", "WW", &WordForms.Run1<RootFloat>);
        Add(f, "sqrt.rn.ftz.f32", "WW", &WordForms.Run1<Flush1<RootFloat>>);
        Add(f, "min.f32", "WWW", &WordForms.Run2<MinFloat>);
        Add(f, "min.ftz.f32", "WWW", &WordForms.Run2<Flush2<MinFloat>>);
        Add(f, "max.f32", "WWW", &WordForms.Run2<MaxFloat>);
        Add(f, "max.ftz.f32", "WWW", &WordForms.Run2<Flush2<MaxFloat>>);
        Add(f, "neg.f32", "WW", &WordForms.Run1<NegateFloat>);
        Add(f, "neg.ftz.f32", "WW", &WordForms.Run1<Flush1<NegateFloat>>);
        Add(f, "abs.f32", "WW", &WordForms.Run1<AbsoluteFloat>);
        Add(f, "abs.ftz.f32", "WW", &WordForms.Run1<Flush1<AbsoluteFloat>>);
    }

    static void AddApproximate(Dictionary<string, Form> f)
    {
        AddApproximate<Exp2>(f, "ex2");
        AddApproximate<Log2>(f, "lg2");
        AddApproximate<ReciprocalApproximate>(f, "rcp");
        AddApproximate<RootApproximate>(f, "sqrt");
        AddApproximate<ReciprocalRoot>(f, "rsqrt");
        AddApproximate<SinApproximate>(f, "sin");
        AddApproximate<CosApproximate>(f, "cos");
        Add(f, "tanh.approx.f32", "WW", &ApproximateForms.Run<TanhApproximate>);
        Add(f, "div.approx.f32", "WWW", &ApproximateForms.Divide);
        Add(f, "div.full.f32", "WWW", &ApproximateForms.DivideFull);
    }

    static void AddApproximate<T>(Dictionary<string, Form> f, string stem) where T : IApproximate
    {
        Add(f, $"{stem}.approx.f32", "WW", &ApproximateForms.Run<T>);
        Add(f, $"{stem}.approx.ftz.f32", "WW", &ApproximateForms.RunFlushed<T>);
    }

    static void AddComparisons(Dictionary<string, Form> f)
    {
        Add(f, "testp.notanumber.f32", "PW", &CompareForms.NotANumber);
        Compare<EqualWord, LessSigned, LessEqualSigned>(f, "s32", "lt le gt ge");
        Compare<EqualWord, LessUnsigned, LessEqualUnsigned>(f, "u32", "lt le gt ge");
        Compare<EqualWord, LessUnsigned, LessEqualUnsigned>(f, "u32", "lo ls hi hs", equality: false);
        Add(f, "setp.eq.b32", "PWW", &CompareForms.Words<EqualWord>);
        Add(f, "setp.ne.b32", "PWW", &CompareForms.WordsNot<EqualWord>);
        CompareLong<LessSignedLong, LessEqualSignedLong>(f, "s64");
        CompareLong<LessUnsignedLong, LessEqualUnsignedLong>(f, "u64");
        Add(f, "setp.eq.b64", "PLL", &CompareForms.Longs<EqualLong>);
        Add(f, "setp.ne.b64", "PLL", &CompareForms.LongsNot<EqualLong>);
        Add(f, "setp.eq.f32", "PWW", &CompareForms.Words<EqualFloat>);
        Add(f, "setp.ne.f32", "PWW", &CompareForms.Words<UnequalFloat>);
        Add(f, "setp.lt.f32", "PWW", &CompareForms.Words<LessFloat>);
        Add(f, "setp.le.f32", "PWW", &CompareForms.Words<LessEqualFloat>);
        Add(f, "setp.gt.f32", "PWW", &CompareForms.Words<GreaterFloat>);
        Add(f, "setp.ge.f32", "PWW", &CompareForms.Words<GreaterEqualFloat>);
        Add(f, "setp.equ.f32", "PWW", &CompareForms.WordsNot<UnequalFloat>);
        Add(f, "setp.neu.f32", "PWW", &CompareForms.WordsNot<EqualFloat>);
        Add(f, "setp.ltu.f32", "PWW", &CompareForms.WordsNot<GreaterEqualFloat>);
        Add(f, "setp.leu.f32", "PWW", &CompareForms.WordsNot<GreaterFloat>);
        Add(f, "setp.gtu.f32", "PWW", &CompareForms.WordsNot<LessEqualFloat>);
        Add(f, "setp.geu.f32", "PWW", &CompareForms.WordsNot<LessFloat>);
        Add(f, "setp.num.f32", "PWW", &CompareForms.Words<Ordered>);
        Add(f, "setp.nan.f32", "PWW", &CompareForms.WordsNot<Ordered>);
    }

    static void Compare<TEqual, TLess, TLessEqual>(
        Dictionary<string, Form> f, string type, string names, bool equality = true)
        where TEqual : ICompareWord where TLess : ICompareWord where TLessEqual : ICompareWord
    {
        string[] name = names.Split(' ');
        if (equality)
        {
            Add(f, $"setp.eq.{type}", "PWW", &CompareForms.Words<TEqual>);
            Add(f, $"setp.ne.{type}", "PWW", &CompareForms.WordsNot<TEqual>);
        }
        Add(f, $"setp.{name[0]}.{type}", "PWW", &CompareForms.Words<TLess>);
        Add(f, $"setp.{name[1]}.{type}", "PWW", &CompareForms.Words<TLessEqual>);
        Add(f, $"setp.{name[2]}.{type}", "PWW", &CompareForms.WordsNot<TLessEqual>);
        Add(f, $"setp.{name[3]}.{type}", "PWW", &CompareForms.WordsNot<TLess>);
    }

    static void CompareLong<TLess, TLessEqual>(Dictionary<string, Form> f, string type)
        where TLess : ICompareLong where TLessEqual : ICompareLong
    {
        Add(f, $"setp.eq.{type}", "PLL", &CompareForms.Longs<EqualLong>);
        Add(f, $"setp.ne.{type}", "PLL", &CompareForms.LongsNot<EqualLong>);
        Add(f, $"setp.lt.{type}", "PLL", &CompareForms.Longs<TLess>);
        Add(f, $"setp.le.{type}", "PLL", &CompareForms.Longs<TLessEqual>);
        Add(f, $"setp.gt.{type}", "PLL", &CompareForms.LongsNot<TLessEqual>);
        Add(f, $"setp.ge.{type}", "PLL", &CompareForms.LongsNot<TLess>);
    }

    static void AddConversions(Dictionary<string, Form> f)
    {
        Add(f, "cvt.s64.s32 cvt.u64.s32", "LW", &ConvertForms.Extend);
        Add(f, "cvt.u64.u32 cvt.s64.u32", "LW", &ConvertForms.ExtendZero);
        Add(f, "cvt.s32.s64 cvt.u32.s64 cvt.s32.u64 cvt.u32.u64", "WL", &ConvertForms.Truncate);
        Add(f, "cvt.s32.u32 cvt.u32.s32 cvt.s32.s32 cvt.u32.u32", "WW", &WordForms.Move);
        Add(f, "cvt.s64.u64 cvt.u64.s64 cvt.s64.s64 cvt.u64.u64", "LL", &LongForms.Move);
        Add(f, "cvt.rn.f32.s32", "WW", &WordForms.Run1<FromSigned>);
        Add(f, "cvt.rn.f32.u32", "WW", &WordForms.RunLane<FromUnsigned>);
        Add(f, "cvt.rn.f32.s64", "WL", &ConvertForms.FloatFromLong);
        Add(f, "cvt.rn.f32.u64", "WL", &ConvertForms.FloatFromUnsignedLong);
        Add(f, "cvt.rna.tf32.f32", "WW", &WordForms.Run1<ToTf32>);
        Add(f, "cvt.rn.bf16x2.f32", "WWW", &WordForms.Run2<ToBf16Pair>);
        Add(f, "cvt.rn.f16x2.f32", "WWW", &WordForms.RunLanes<ToF16Pair>);
        AddRounding<ToNearest>(f, "rni");
        AddRounding<ToZero>(f, "rzi");
        AddRounding<ToMinus>(f, "rmi");
        AddRounding<ToPlus>(f, "rpi");
    }

    static void AddRounding<T>(Dictionary<string, Form> f, string name) where T : IFloatRound
    {
        Add(f, $"cvt.{name}.s32.f32", "WW", &WordForms.RunLane<ToSigned<T>>);
        Add(f, $"cvt.{name}.u32.f32", "WW", &WordForms.RunLane<ToUnsigned<T>>);
        Add(f, $"cvt.{name}.s64.f32", "LW", &ConvertForms.LongFromFloat<ToSignedLong<T>>);
        Add(f, $"cvt.{name}.u64.f32", "LW", &ConvertForms.LongFromFloat<ToUnsignedLong<T>>);
        Add(f, $"cvt.{name}.f32.f32", "WW", &WordForms.RunLane<ToIntegral<T>>);
    }
}
