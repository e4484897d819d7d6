using System.Text;

namespace HeadTap.PtxMachine.Tests;

/// <summary>Every opcode without memory against its definition, on hostile values.</summary>
public sealed class FormTests
{
    public static IEnumerable<string> Opcodes => FormTable.Opcodes;

    [TestCaseSource(nameof(Opcodes))]
    public void A_form_computes_what_the_manual_says(string opcode)
    {
        Assert.That(FormDefinitions.Has(opcode), $"{opcode} has no definition");
        FormTable.TryFind(opcode, smallCount: false, out Form form);
        string shape = form.Shape;
        ulong[][] inputs = Inputs(shape[1..]);
        int count = inputs[0].Length;
        using TestKernel kernel = new();
        nint[] pointers = [
            kernel.Upload(new ulong[count]), .. inputs.Select(i => kernel.Upload(i))];
        kernel.Launch(Text(opcode, shape), new(count / 64), new(64), pointers);
        ulong[] got = TestKernel.Download<ulong>(pointers[0], count);
        for (int i = 0; i < count; i++)
        {
            ulong[] x = [.. inputs.Select((v, k) => shape[k + 1] == 'P' ? v[i] & 1 : v[i]), 0, 0];
            ulong expected = FormDefinitions.Compute(opcode, x[0], x[1], x[2]);
            if (got[i] != expected)
                Assert.Fail($"{opcode} of {x[0]:x} {x[1]:x} {x[2]:x}: {got[i]:x}, expected {expected:x}");
        }
    }

    [TestCase("shl.b32", 32)]
    [TestCase("shr.u32", 32)]
    [TestCase("shr.s32", 32)]
    [TestCase("shr.b32", 32)]
    [TestCase("shl.b64", 64)]
    [TestCase("shr.u64", 64)]
    [TestCase("shr.s64", 64)]
    [TestCase("shr.b64", 64)]
    public void A_shift_by_a_number_is_one_by_a_register(string opcode, int width)
    {
        ulong[] values = width == 32 ? [.. HostileValues.Words.Select(w => (ulong)w)] : HostileValues.Longs;
        values = [.. values.Take(64)];
        string register = width == 32 ? "%w" : "%l", type = width == 32 ? "b32" : "b64";
        foreach (int count in (int[])[0, 1, 31, 32, 33, 63, 64, 65, 1000])
        {
            using TestKernel kernel = new();
            nint result = kernel.Upload(new ulong[64]), input = kernel.Upload(values);
            kernel.Launch(TestKernel.Text($"""
                add.s64 %ra, %ra, %tl; add.s64 %rb, %rb, %tl;
                ld.global.{type} {register}1, [%rb];
                {opcode} {register}0, {register}1, {count};
                st.global.{type} [%ra], {register}0;
                """, 2), new(1), new(64), result, input);
            ulong[] got = TestKernel.Download<ulong>(result, 64);
            Assert.That(got, Is.EqualTo(values.Select(v =>
                FormDefinitions.Compute(opcode, v, (ulong)count, 0))), $"{opcode} by {count}");
        }
    }

    static string Text(string opcode, string shape)
    {
        StringBuilder body = new();
        body.AppendLine("mov.b32 %w15, %ctaid.x; mov.b32 %w14, %ntid.x; mad.lo.s32 %w15, %w15, %w14, %t;");
        body.AppendLine("mul.wide.u32 %l15, %w15, 8;");
        string[] names = new string[shape.Length];
        for (int i = 0; i < shape.Length; i++)
        {
            names[i] = (shape[i] == 'P' ? "%p" : shape[i] == 'W' ? "%w" : "%l") + i;
            body.AppendLine($"add.s64 %r{(char)('a' + i)}, %{(char)('a' + i)}, %l15;");
            if (i == 0)
                continue;
            string load = shape[i] == 'L' ? $"ld.global.b64 %l{i}" : $"ld.global.b32 %w{i}";
            body.AppendLine($"{load}, [%r{(char)('a' + i)}];");
            if (shape[i] == 'P')
                body.AppendLine($"and.b32 %w{i}, %w{i}, 1; setp.ne.s32 %p{i}, %w{i}, 0;");
        }
        body.AppendLine($"{opcode} {string.Join(", ", names)};");
        body.AppendLine(shape[0] switch
        {
            'P' => "selp.b64 %l0, 1, 0, %p0;",
            'W' => "cvt.u64.u32 %l0, %w0;",
            _ => "",
        });
        body.AppendLine("st.global.b64 [%ra], %l0;");
        return TestKernel.Text(body.ToString(), shape.Length);
    }

    // All pairs of hostile values; a third operand runs through them at another pace.
    static ulong[][] Inputs(string shape)
    {
        ulong[][] values = [.. shape.Select(s =>
            s == 'L' ? HostileValues.Longs : [.. HostileValues.Words.Select(w => (ulong)w)])];
        int first = values[0].Length, second = shape.Length > 1 ? values[1].Length : 1;
        int count = (first * second + 63) / 64 * 64;
        ulong[][] inputs = [.. shape.Select(_ => new ulong[count])];
        for (int i = 0; i < count; i++)
            for (int k = 0; k < shape.Length; k++)
            {
                int at = k == 0 ? i % first : k == 1 ? i / first % second : i * 7 + i / 64;
                inputs[k][i] = values[k][at % values[k].Length];
            }
        return inputs;
    }
}
