using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace HeadTap.Peers;

/// <summary>
/// One side of the comparison in a process of its own, so that its peak of memory is its own: it is told
/// "loss", "step" or "peak" a line and answers with a number.
/// </summary>
sealed class LensSide : IDisposable
{
    readonly Process _process;

    /// <summary>Starts a side and waits until its inputs and weights are made.</summary>
    /// <param name="tuned">Keep the allocator's settings that bench/compare has made for PyTorch.</param>
    /// <param name="arguments"><see cref="HeadTap"/>, or PyTorch's product and update; then the
    /// sizes.</param>
    public LensSide(bool tuned, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!,
            [Assembly.GetExecutingAssembly().Location, "--lens-side", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (!tuned)
            start.Environment.Remove("GLIBC_TUNABLES");
        _process = Process.Start(start)!;
        Name = _process.StandardOutput.ReadLine() ?? throw Ended();
    }

    /// <summary>Our side.</summary>
    public const string HeadTap = "headtap";

    public string Name { get; }

    public double Loss => Ask("loss");

    public double StepSeconds() => Ask("step");

    public long PeakBytes => (long)Ask("peak");

    public void Dispose()
    {
        _process.StandardInput.Close(); // it ends at the end of its orders
        if (!_process.WaitForExit(10_000))
            _process.Kill();
        _process.Dispose();
    }

    /// <summary>The process's own part.</summary>
    public static int Serve(string[] arguments)
    {
        LensSizes sizes = LensSizes.All[int.Parse(arguments[^1], CultureInfo.InvariantCulture)];
        using ILensStep step = arguments[0] == HeadTap ? new HeadTapLensStep(sizes) : new TorchLensStep(sizes,
            Enum.Parse<TorchLensStep.Product>(arguments[0], true),
            Enum.Parse<TorchLensStep.Update>(arguments[1], true));
        GC.Collect();
        if (!ResidentMemory.ForgetPeak())
            Console.Error.WriteLine("the peak of memory is that of making inputs and weights too");
        Console.WriteLine(step.Name);
        while (Console.ReadLine() is { } order)
            Console.WriteLine(Answer(step, order).ToString("R", CultureInfo.InvariantCulture));
        return 0;
    }

    static double Answer(ILensStep step, string order)
    {
        if (order == "loss")
            return step.Loss();
        if (order == "peak")
            return ResidentMemory.Peak;
        var watch = Stopwatch.StartNew();
        step.Step();
        return watch.Elapsed.TotalSeconds;
    }

    double Ask(string order)
    {
        _process.StandardInput.WriteLine(order);
        _process.StandardInput.Flush();
        string answer = _process.StandardOutput.ReadLine() ?? throw Ended();
        return double.Parse(answer, CultureInfo.InvariantCulture);
    }

    InvalidOperationException Ended() => new($"{Name ?? "A side"} ended; see its message above.");
}
