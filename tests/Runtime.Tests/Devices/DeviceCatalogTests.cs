namespace HeadTap.Runtime.Tests;

public class DeviceCatalogTests
{
    static readonly DeviceEntry s_host = Entry("cpu", DeviceKind.Cpu, isGpu: false),
        s_cuda = Entry("cuda", DeviceKind.Cuda, isGpu: true),
        s_card = Entry("opencl", DeviceKind.OpenCl, isGpu: true),
        s_processor = Entry("opencl:1", DeviceKind.OpenCl, isGpu: false),
        s_simulator = Entry("simulator", DeviceKind.Simulator, isGpu: false);

    [Test]
    public void Auto_takes_the_first_graphics_processor_that_is_not_refused_and_else_the_host()
    {
        Assert.That(Chosen(s_cuda, s_card, s_processor), Is.EqualTo("cuda"));
        Assert.That(Chosen(s_cuda with { Refusal = "too old" }, s_card, s_processor), Is.EqualTo("opencl"));
        Assert.That(Chosen(s_processor), Is.EqualTo("cpu"));
        Assert.That(Chosen(s_card with { Refusal = "too small" }, s_processor), Is.EqualTo("cpu"));
        Assert.That(Chosen(), Is.EqualTo("cpu"));
    }

    static string Chosen(params DeviceEntry[] others)
        => DeviceCatalog.Automatic([.. others, s_host, s_simulator]).Name;

    static DeviceEntry Entry(string name, DeviceKind kind, bool isGpu)
        => new(name, kind, name, 1 << 30, 256, null, isGpu, "");
}
