using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace HeadTap.Bench;

/// <summary>
/// Times code of the runtime that launches nothing: text and files. BenchmarkDotNet, because here allocations
/// count too; ops have <see cref="Measurement"/>, which waits for devices and checks against the oracle.
/// </summary>
static class HostBenches
{
    static readonly Type[] Families =
        [typeof(TokenizerBench), typeof(BpeTrainerBench), typeof(WeightsFileBench), typeof(MetricsFileBench)];

    /// <summary>Runs the benches whose name, Type.Method, contains a text; a short run of each.</summary>
    internal static int Run(string filter)
    {
        // In this process: BenchmarkDotNet's own projects would be built inside our artifacts folder, and a
        // run would need the package feeds.
        IConfig config = ManualConfig.CreateEmpty()
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddLogger(ConsoleLogger.Default)
            .AddFilter(new SimpleFilter(c => $"{c.Descriptor.Type.Name}.{c.Descriptor.WorkloadMethod.Name}"
                .Contains(filter, StringComparison.OrdinalIgnoreCase)))
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "headtap-bench"))
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.JoinSummary);
        Summary[] summaries = BenchmarkRunner.Run(Families, config);
        BenchmarkReport[] reports = [.. summaries.SelectMany(s => s.Reports)];
        if (reports.Length == 0)
            Console.Error.WriteLine($"\"{filter}\" is in the name of no bench");
        return reports.Length > 0 && reports.All(r => r.Success) ? 0 : 1;
    }
}
