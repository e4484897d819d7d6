using HeadTap.PtxMachine;

namespace HeadTap.Gpu;

/// <summary>
/// Estimates without a GPU: counts of the interpreter of PTX, divided by published rates, as a page.
/// </summary>
static class Estimates
{
    internal static int Run(Options options)
    {
        using EstimatePage page = new(options);
        foreach (PtxArchitecture architecture in PtxArchitecture.All)
        {
            using EstimateDevice device = new(architecture.Name, options.Blocks);
            List<EstimateRow> rows = [];
            foreach (EstimateRow row in EstimateCases.Run(device, options))
            {
                rows.Add(row);
                Console.Error.WriteLine($"{architecture.Name} {row.Work} {row.Shape} {row.Precision}: "
                    + $"{row.Launches.Sum(l => l.Times)} launches");
            }
            page.Write(architecture.Name, rows);
        }
        Console.WriteLine($"written to {page.Path}");
        return 0;
    }
}
