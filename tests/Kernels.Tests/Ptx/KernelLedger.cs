using System.Globalization;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// What one kernel costs on one architecture, as ptxas and nvdisasm say; a line of docs/kernel-ledger.csv.
/// </summary>
/// <param name="Kernel">Its name in the catalog.</param>
/// <param name="Architecture"><c>sm_80</c></param>
/// <param name="Registers">Of a thread; 255 at most, and 65,536 are shared by the threads of a
/// multiprocessor.</param>
/// <param name="SharedBytes">Static shared memory of a group.</param>
/// <param name="LocalBytes">Stack of a thread in local memory: arrays with changing indices, and
/// spills.</param>
/// <param name="SpillStoreBytes">Registers written to local memory because there were too few.</param>
/// <param name="SpillLoadBytes">The same, read back.</param>
/// <param name="Hmma">Tensor-core products.</param>
/// <param name="Ldsm">Tensor-core operands loaded from shared memory (ldmatrix).</param>
/// <param name="Ldgsts">Copies from global to shared memory that pass no register (cp.async).</param>
/// <param name="Ldg128">16-byte loads from global memory.</param>
/// <param name="Stg128">16-byte stores to global memory.</param>
/// <param name="Ffma">Multiply-adds in the code; those of a loop count once.</param>
/// <param name="Barriers">Barriers in the code.</param>
/// <param name="Instructions">All instructions but padding.</param>
/// <param name="Ptxas">The assembler's version.</param>
/// <param name="Ptx">First 16 hexadecimal digits of SHA-256 of the PTX: the same PTX needs no assembling
/// again.</param>
sealed record LedgerRow(
    string Kernel, string Architecture, int Registers, int SharedBytes, int LocalBytes, int SpillStoreBytes,
    int SpillLoadBytes, int Hmma, int Ldsm, int Ldgsts, int Ldg128, int Stg128, int Ffma, int Barriers,
    int Instructions, string Ptxas, string Ptx)
{
    /// <summary>The names of the columns, in their order.</summary>
    public const string Header = "kernel,architecture,registers,shared_bytes,local_bytes,spill_store_bytes,"
        + "spill_load_bytes,hmma,ldsm,ldgsts,ldg_128,stg_128,ffma,barriers,instructions,ptxas,ptx";

    /// <summary>The line.</summary>
    public string Line => string.Create(CultureInfo.InvariantCulture,
        $"{Kernel},{Architecture},{Registers},{SharedBytes},{LocalBytes},{SpillStoreBytes},{SpillLoadBytes},"
        + $"{Hmma},{Ldsm},{Ldgsts},{Ldg128},{Stg128},{Ffma},{Barriers},{Instructions},{Ptxas},{Ptx}");

    /// <summary>The row that a line says; null where the line is none.</summary>
    public static LedgerRow? Parse(string line)
    {
        string[] c = line.Split(',');
        if (c.Length != Header.Split(',').Length)
            return null;
        int[] n = new int[c.Length];
        for (int i = 2; i < c.Length - 2; i++)
            if (!int.TryParse(c[i], CultureInfo.InvariantCulture, out n[i]))
                return null;
        return new(c[0], c[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12],
            n[13], n[14], c[15], c[16]);
    }
}

/// <summary>The committed ledger.</summary>
static class KernelLedger
{
    /// <summary>The file.</summary>
    public static string Path { get; } =
        System.IO.Path.Combine(PtxAssembler.Root, "docs", "kernel-ledger.csv");

    /// <summary>The lines below the header.</summary>
    public static string[] Read()
    {
        string[] lines = File.Exists(Path) ? File.ReadAllLines(Path) : [];
        return lines is [LedgerRow.Header, .. string[] rows] ? rows : [];
    }

    /// <summary>Replaces the file.</summary>
    public static void Write(IEnumerable<LedgerRow> rows)
        => File.WriteAllText(Path, string.Concat(
            rows.Select(r => r.Line).Prepend(LedgerRow.Header).Select(l => l + "\n")));

    /// <summary>
    /// What is wrong with freshly assembled kernels beside the committed lines, a sentence each: spills,
    /// tensor-core kernels without tensor-core instructions, lines that are missing, left over or no longer
    /// true.
    /// </summary>
    /// <param name="rows">Fresh rows.</param>
    /// <param name="tensorCores">Names of the kernels that must hold HMMA.</param>
    /// <param name="committed">The ledger's lines.</param>
    public static IEnumerable<string> Complaints(
        IReadOnlyList<LedgerRow> rows, IReadOnlySet<string> tensorCores, IReadOnlyList<string> committed)
    {
        foreach (LedgerRow row in rows)
        {
            if (row.SpillStoreBytes > 0 || row.SpillLoadBytes > 0)
                yield return $"{row.Kernel} {row.Architecture} spills: {row.SpillStoreBytes} bytes stored, "
                    + $"{row.SpillLoadBytes} loaded; it needs fewer live registers";
            if (tensorCores.Contains(row.Kernel) && row.Hmma == 0)
                yield return $"{row.Kernel} {row.Architecture} has no HMMA: it does not use tensor cores";
        }
        HashSet<string> lines = [.. committed], fresh = [.. rows.Select(r => r.Line)];
        foreach (LedgerRow row in rows.Where(r => !lines.Contains(r.Line)))
            yield return $"stale: the ledger has no line {row.Line}";
        foreach (string line in committed.Where(l => !fresh.Contains(l)))
            yield return $"stale: nothing assembles to the ledger's {line}";
    }
}
