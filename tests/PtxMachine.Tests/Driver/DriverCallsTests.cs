using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine.Tests;

/// <summary>The driver's functions called as native code calls them: by name, and with what is
/// wrong.</summary>
[Platform("Linux"), NonParallelizable]
public unsafe class DriverCallsTests
{
    const string Empty = ".version 7.8\n.target sm_75\n.address_size 64\n"
        + ".visible .entry empty()\n{\n\tret;\n}\n";

    static readonly nint s_library = PtxDriver.Install();

    nint _context;

    static nint At(string name) => NativeLibrary.GetExport(s_library, name);

    [SetUp]
    public void Context() => _context = Create(1);

    [TearDown]
    public void End() => Assert.That(Call("cuCtxDestroy_v2", _context), Is.Zero);

    [Test]
    public void Every_import_of_ILGPU_is_there()
        => Assert.That(DriverExports.All.Select(e => e.Name).Distinct().Count(), Is.EqualTo(48));

    [Test]
    public void It_is_installed_once()
    {
        Assert.That(PtxDriver.Install(), Is.EqualTo(s_library));
        Assert.That(() => PtxDriver.Install([PtxArchitecture.Sm75], new()), Throws.InvalidOperationException);
        Assert.That(PtxDriver.Devices.Select(d => d.Architecture), Is.EqualTo(PtxArchitecture.All));
    }

    [Test]
    public void Attributes_are_those_of_the_architecture()
    {
        int Attribute(int kind, int device)
        {
            int value;
            int error = ((delegate* unmanaged<int*, int, int, int>)At("cuDeviceGetAttribute"))(
                &value, kind, device);
            return error == 0 ? value : -error;
        }
        Assert.That(
            Enumerable.Range(0, 3).Select(d => (Attribute(75, d), Attribute(76, d), Attribute(16, d))),
            Is.EqualTo(((int, int, int)[])[(7, 5, 40), (8, 0, 108), (9, 0, 132)]));
        Assert.That((Attribute(8, 1), Attribute(97, 1), Attribute(81, 1)),
            Is.EqualTo((48 << 10, 163 << 10, 164 << 10)));
        Assert.That((Attribute(0, 0), Attribute(16, 3)), Is.EqualTo((-1, -101)));
    }

    [Test]
    public void A_handle_that_was_freed_or_is_of_another_kind_is_found_out()
    {
        nint stream;
        Assert.That(((delegate* unmanaged<nint*, int, int>)At("cuStreamCreate"))(&stream, 0), Is.Zero);
        Assert.That(Call("cuEventSynchronize", stream), Is.EqualTo(400));
        Assert.That(Call("cuStreamDestroy_v2", stream), Is.Zero);
        Assert.That(Call("cuStreamDestroy_v2", stream), Is.EqualTo(400));
        Assert.That(Explained(400), Does.StartWith($"0x{stream:x} is no live "));
        Assert.That(Explained(2), Is.EqualTo("OutOfMemory"), "this thread's last error was another one");
        Assert.That(Call("cuCtxSetCurrent", stream), Is.EqualTo(201));
    }

    [Test]
    public void A_thread_without_a_context_is_told_so()
    {
        int error = 0;
        var thread = new Thread(() => error = ((delegate* unmanaged<int>)At("cuCtxSynchronize"))());
        thread.Start();
        thread.Join();
        Assert.That(error, Is.EqualTo(201));
    }

    [Test]
    public void Copies_and_fills_stay_in_the_block_that_they_begin_in()
    {
        nint a = Allocate(64), b = Allocate(64);
        byte* host = stackalloc byte[80];
        Assert.That(Fill(a, 7, 64), Is.Zero);
        Assert.That(Copy(b, a, 64), Is.Zero);
        Assert.That(Copy((nint)host, b, 64), Is.Zero);
        Assert.That(new ReadOnlySpan<byte>(host, 64).ToArray(), Is.All.EqualTo(7));
        Assert.That((Fill(a, 7, 65), Copy(b + 1, (nint)host, 64), Copy((nint)host, a, 80), Fill(a, 7, -1)),
            Is.EqualTo((1, 1, 1, 1)));
        Assert.That((Call("cuMemFree_v2", a), Call("cuMemFree_v2", b)), Is.EqualTo((0, 0)));
        Assert.That(Call("cuMemFree_v2", a), Is.EqualTo(1), "twice");
    }

    [Test]
    public void Memory_belongs_to_the_device_of_the_context_and_is_freed_from_any()
    {
        long before = Free();
        nint a = Allocate(1 << 20);
        Assert.That(before - Free(), Is.GreaterThanOrEqualTo(1 << 20));
        nint other = Create(0);
        int kind;
        var ask = (delegate* unmanaged<void*, int, nint, int>)At("cuPointerGetAttribute");
        Assert.That(ask(&kind, 2, a), Is.Zero);
        Assert.That(kind, Is.EqualTo(2));
        Assert.That(Call("cuMemFree_v2", a), Is.Zero);
        Assert.That(Call("cuCtxDestroy_v2", other), Is.Zero);
        Assert.That(Call("cuCtxSetCurrent", _context), Is.Zero);
        Assert.That(Free(), Is.EqualTo(before));
    }

    [Test]
    public void Events_are_moments_in_order()
    {
        nint start, end;
        var create = (delegate* unmanaged<nint*, int, int>)At("cuEventCreate");
        var record = (delegate* unmanaged<nint, nint, int>)At("cuEventRecord");
        var elapsed = (delegate* unmanaged<float*, nint, nint, int>)At("cuEventElapsedTime");
        float milliseconds;
        Assert.That((create(&start, 0), create(&end, 0)), Is.EqualTo((0, 0)));
        Assert.That(elapsed(&milliseconds, start, end), Is.EqualTo(400), "never recorded");
        _ = record(start, 0);
        Thread.Sleep(20);
        _ = record(end, 0);
        Assert.That(elapsed(&milliseconds, start, end), Is.Zero);
        Assert.That(milliseconds, Is.InRange(19f, 10_000f));
        Assert.That((Call("cuEventDestroy_v2", start), Call("cuEventDestroy_v2", end)), Is.EqualTo((0, 0)));
    }

    [Test]
    public void PTX_that_cannot_be_read_leaves_its_reason_in_the_log()
    {
        byte* log = stackalloc byte[1024];
        int* options = stackalloc int[] { 5, 6 };
        nint* values = stackalloc nint[] { (nint)log, 1024 };
        byte[] text = Text(Empty.Replace("ret;", "frobnicate.f32 %f1;", StringComparison.Ordinal));
        nint module;
        fixed (byte* ptx = text)
            Assert.That(((delegate* unmanaged<nint*, byte*, int, int*, nint*, int>)At("cuModuleLoadDataEx"))(
                &module, ptx, 2, options, values), Is.EqualTo(218));
        Assert.That(Marshal.PtrToStringUTF8((nint)log), Does.Contain("frobnicate").And.Contain("line 6"));
        Assert.That(Explained(218), Is.EqualTo(Marshal.PtrToStringUTF8((nint)log)));
    }

    [Test]
    public void PTX_for_a_later_architecture_is_refused()
    {
        string later = Empty.Replace("sm_75", "sm_90", StringComparison.Ordinal);
        Assert.That(Load(later, out _), Is.EqualTo(209));
        Assert.That(Explained(209), Is.EqualTo("the PTX is for sm_90, and the device is sm_80"));
    }

    [Test]
    public void An_entry_is_launched_by_its_name_while_its_module_lives()
    {
        Assert.That(Load(Empty, out nint module), Is.Zero);
        nint function;
        int Get(string name)
        {
            nint found;
            int error;
            fixed (byte* text = Text(name))
                error = ((delegate* unmanaged<nint*, nint, byte*, int>)At("cuModuleGetFunction"))(
                    &found, module, text);
            function = found;
            return error;
        }
        Assert.That(Get("full"), Is.EqualTo(500));
        Assert.That(Explained(500), Is.EqualTo("the module has no entry full; it has empty"));
        Assert.That(Get("empty"), Is.Zero);
        Assert.That(Launch(function, 32), Is.Zero);
        Assert.That(Launch(function, 1025), Is.EqualTo(701));
        Assert.That(PtxDriver.LastFault!.Kind, Is.EqualTo(FaultKind.Launch));
        Assert.That(Explained(701), Is.EqualTo(PtxDriver.LastFault.Message));
        Assert.That(Call("cuModuleUnload", module), Is.Zero);
        Assert.That(Launch(function, 32), Is.EqualTo(400));
    }

    static int Launch(nint function, int threads)
        => ((delegate* unmanaged<nint, int, int, int, int, int, int, int, nint, nint*, nint*, int>)
            At("cuLaunchKernel"))(function, 1, 1, 1, threads, 1, 1, 0, 0, null, null);

    static int Load(string text, out nint module)
    {
        nint loaded = 0;
        int error;
        fixed (byte* ptx = Text(text))
            error = ((delegate* unmanaged<nint*, byte*, int>)At("cuModuleLoadData"))(&loaded, ptx);
        module = loaded;
        return error;
    }

    static nint Create(int device)
    {
        nint context;
        var create = (delegate* unmanaged<nint*, int, int, int>)At("cuCtxCreate_v2");
        Assert.That(create(&context, 0, device), Is.Zero);
        return context;
    }

    static nint Allocate(nint bytes)
    {
        nint address;
        Assert.That(((delegate* unmanaged<nint*, nint, int>)At("cuMemAlloc_v2"))(&address, bytes), Is.Zero);
        return address;
    }

    static long Free()
    {
        nint free, total;
        Assert.That(((delegate* unmanaged<nint*, nint*, int>)At("cuMemGetInfo_v2"))(&free, &total), Is.Zero);
        return free;
    }

    static int Copy(nint to, nint from, nint bytes)
        => ((delegate* unmanaged<nint, nint, nint, nint, int>)At("cuMemcpyAsync"))(to, from, bytes, 0);

    static int Fill(nint at, byte value, nint bytes)
        => ((delegate* unmanaged<nint, byte, nint, nint, int>)At("cuMemsetD8Async"))(at, value, bytes, 0);

    static int Call(string name, nint handle) => ((delegate* unmanaged<nint, int>)At(name))(handle);

    static string Explained(int error)
    {
        nint text;
        Assert.That(((delegate* unmanaged<int, nint*, int>)At("cuGetErrorString"))(error, &text), Is.Zero);
        return Marshal.PtrToStringUTF8(text)!;
    }

    static byte[] Text(string text) => System.Text.Encoding.UTF8.GetBytes(text + '\0');
}
