using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Gpu;

/// <summary>What all benches share: the device, its peers, the table.</summary>
sealed record Bench(
    ComputeDevice Device, Options Options, TorchPeer? Torch, CuBlas? CuBlas, Results Results)
{
    /// <summary>Of one launch among many, milliseconds; 0 until it was measured.</summary>
    internal double LaunchMs { get; set; }

    /// <summary>Our products in a precision, or in fp32 where the device lacks it; returns which.</summary>
    internal string Use(string precision)
    {
        bool has = Precisions.HasTensorCores((Device.Accelerator as CudaAccelerator)?.Architecture);
        Device.Precision = has ? Precisions.Parse(precision) : Precision.Fp32;
        return Device.Precision.Name();
    }

    /// <summary>Whether --only asks for a row.</summary>
    internal bool Wanted(string work) => work.Contains(Options.Only, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Takes turns with PyTorch, both in its precision where we have it, and adds the row; alone where
    /// PyTorch cannot run it, with its reason.
    /// </summary>
    internal void BesideTorch(string work, string shape, Action ours, string peer, string peerWork,
        JsonObject how, string note = "")
    {
        string precision = Use((string?)how["precision"] ?? "fp32");
        (long ops, double enqueue) = Enqueued(ours);
        string Launches(Turns turns) => ops > 0 && LaunchMs > 0
            ? $"{note} launches {Math.Min(1, ops * LaunchMs / turns.OursMs):P0} of the run or more".Trim()
            : note;
        Turns.Block block = Turns.Ours(Device, ours);
        if (Torch is not null)
            try
            {
                Turns both = Turns.Take(block, Torch.Block(peerWork, how), Options.Repeats);
                Results.Add(work, shape, precision, peer, both, ops, enqueue, Launches(both));
                return;
            }
            catch (PeerException e)
            {
                note = $"{peer}: {e.Message}";
            }
        Turns alone = Turns.Alone(block, Options.Repeats);
        Results.Add(work, shape, precision, "", alone, ops, enqueue, Launches(alone));
    }

    // Our ops in one run, and how long the call takes that queues them: where it is as long as the run
    // itself, the device waits for the host, and launches are what the run costs.
    (long Ops, double Ms) Enqueued(Action run)
    {
        run();
        double[] times = new double[3];
        long ops = 0;
        for (int i = 0; i < times.Length; i++)
        {
            Device.Synchronize();
            ops = Device.OpCount;
            long start = Stopwatch.GetTimestamp();
            run();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            ops = Device.OpCount - ops;
        }
        Device.Synchronize();
        return (ops, Turns.Median(times));
    }
}

/// <summary>All benches, in order.</summary>
static class Benches
{
    internal static int Run(Options options)
    {
        using ComputeDevice device = ComputeDevice.Open(options.Device);
        using TorchPeer? torch = TorchPeer.Start(options);
        using CuBlas? cuBlas = CuBlas.Open(device, torch?.LibraryFolders ?? []);
        string versions = string.Join("; ",
            new[]
            {
                options.Driver.Length > 0 ? $"driver {options.Driver}" : "",
                $"ILGPU {typeof(Context).Assembly.GetName().Version}",
                torch is null ? "no PyTorch" : $"PyTorch {torch.Version}",
                cuBlas is null ? "no cuBLAS" : $"cuBLAS {cuBlas.Version}",
            }.Where(v => v.Length > 0));
        var bench = new Bench(device, options, torch, cuBlas,
            new Results(device, options, versions, Environment.GetCommandLineArgs()[1..]));
        LaunchBench.Run(bench);
        MatMulBench.Run(bench);
        bool equal = ModelBench.Run(bench);
        bench.Results.Summarize();
        return equal ? 0 : 1;
    }
}
