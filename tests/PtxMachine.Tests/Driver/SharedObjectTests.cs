using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine.Tests;

/// <summary>Libraries without code, as the system's loader reads them.</summary>
[Platform("Linux")]
public class SharedObjectTests
{
    [TestCase(1), TestCase(2), TestCase(300)]
    public void Every_name_is_answered_with_its_address_and_no_other_is(int count)
    {
        (string Name, nint Address)[] symbols = [.. Enumerable.Range(0, count)
            .Select(i => ($"name{i}", (nint)0x7000_0000 + 16 * i + 3))];
        nint library = SharedObject.Load(symbols);
        foreach ((string name, nint address) in symbols)
            Assert.That(NativeLibrary.GetExport(library, name), Is.EqualTo(address), name);
        foreach (string name in (string[])["name", $"name{count}", "ame0", "printf0"])
            Assert.That(NativeLibrary.TryGetExport(library, name, out _), Is.False, name);
    }

    [Test]
    public void Two_libraries_keep_their_own_symbols()
    {
        nint first = SharedObject.Load([("same", 0x1000)]), second = SharedObject.Load([("same", 0x2000)]);
        Assert.That(NativeLibrary.GetExport(first, "same"), Is.EqualTo((nint)0x1000));
        Assert.That(NativeLibrary.GetExport(second, "same"), Is.EqualTo((nint)0x2000));
    }

    [Test]
    public unsafe void A_symbol_is_called_as_a_function_of_a_library_is()
    {
        nint library = SharedObject.Load([("twice", (nint)(delegate* unmanaged<int, int>)&Twice)]);
        Assert.That(((delegate* unmanaged<int, int>)NativeLibrary.GetExport(library, "twice"))(21),
            Is.EqualTo(42));
    }

    [TestCase(62), TestCase(183)]
    public void Processors_differ_in_one_number(int machine)
    {
        byte[] one = SharedObject.Bytes((ushort)machine, [("a", 1)]),
            other = SharedObject.Bytes(0, [("a", 1)]);
        Assert.That(Enumerable.Range(0, one.Length).Where(i => one[i] != other[i]), Is.EqualTo((int[])[18]));
        Assert.That(one[18], Is.EqualTo(machine));
    }

    [Test]
    public void No_file_stays_behind()
    {
        _ = SharedObject.Load([("a", 1)]);
        Assert.That(Directory.GetFiles(
            Path.GetTempPath(), $"libcuda-ptx-{Environment.ProcessId}-*"), Is.Empty);
    }

    [UnmanagedCallersOnly]
    static int Twice(int value) => 2 * value;
}
