using HeadTap.PtxMachine;

namespace HeadTap.Gpu;

/// <summary>
/// Estimates without a GPU: counts of the interpreter of PTX, divided by published rates, as a page
/// and as a table.
/// </summary>
static class Estimates
{
    internal static int Run(Options options)
    {
        using EstimatePage page = new(options);
        List<EstimateEntry> table = [];
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
            table.AddRange(Entries(architecture.Name, rows));
        }
        string path = Path.Combine(options.Out, EstimateTable.Name);
        EstimateTable.Write(path, table);
        Console.WriteLine($"written to {page.Path} and {path}");
        return 0;
    }

    static IEnumerable<EstimateEntry> Entries(string architecture, IReadOnlyList<EstimateRow> rows)
        => from card in Card.All
           where card.Architecture == architecture
           from row in rows
           let times = Roofline.Of(card, row.Launches)
           select new EstimateEntry(
               card.Name, row.Work, row.Shape, row.Precision, times.Total * 1e3, times.Bound);
}
