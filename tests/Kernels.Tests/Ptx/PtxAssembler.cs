using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// NVIDIA's ptxas and nvdisasm over kernels: machine code of GPUs that are not here. What was assembled stays
/// in artifacts/ptxas (.ptx, .cubin, .sass, ptxas' report) to be read.
/// </summary>
static partial class PtxAssembler
{
    /// <summary>The command that brings the tools.</summary>
    public const string HowToGet = ".ci/cuda-tools";

    /// <summary>The repository's folder.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Here(), "..", "..", ".."));

    static readonly string s_tools = Path.Combine(Root, "artifacts", "cuda-tools", "bin");
    static readonly string s_output = Path.Combine(Root, "artifacts", "ptxas");
    static readonly Lazy<string> s_version = new(
        () => VersionText().Match(Run("ptxas", "--version")).Groups[1].Value);

    /// <summary>True where <see cref="HowToGet"/> has run.</summary>
    public static bool Present =>
        File.Exists(Path.Combine(s_tools, "ptxas")) && File.Exists(Path.Combine(s_tools, "nvdisasm"));

    /// <summary>
    /// The assembler's version, as <c>11.8.89</c>: registers and instructions depend on it.
    /// </summary>
    public static string Version => s_version.Value;

    /// <summary>
    /// The catalog's rows, with those of <paramref name="known"/> taken over where the PTX is still the same.
    /// The first kernel of each architecture is assembled in any case, so that a broken toolchain is seen.
    /// </summary>
    /// <param name="known">Rows that this version of the assembler made.</param>
    public static List<LedgerRow> AssembleChanged(IEnumerable<LedgerRow> known)
    {
        ILookup<(string, string, string), LedgerRow> before =
            known.ToLookup(r => (r.Kernel, r.Architecture, r.Ptx));
        // One module per architecture: nvdisasm alone takes 0.2 s to start, and there are over a hundred
        // kernels.
        Dictionary<(string, string), LedgerRow> rows = KernelCatalog.Builds
            .GroupBy(b => Target(b.Architecture))
            .AsParallel().SelectMany(group =>
            {
                (string Name, string Ptx)[] all =
                    [.. group.Select(
                        b => (b.Kernel.Name, PtxCompilation.Of(b.Kernel.Method, b.Architecture)))];
                LedgerRow[] same = [.. all.Skip(1)
                    .SelectMany(k => before[(k.Name, group.Key, Hash(k.Ptx))].Take(1))];
                HashSet<string> taken = [.. same.Select(r => r.Kernel)];
                return same.Concat(
                    Assemble(group.Key, "kernels", [.. all.Where(k => !taken.Contains(k.Name))]));
            })
            .ToDictionary(row => (row.Kernel, row.Architecture));
        return [.. KernelCatalog.Builds.Select(b => rows[(b.Kernel.Name, Target(b.Architecture))])];
    }

    // Of the text from the header on, without the name of the entry. ILGPU counts through a process, and
    // hangs the count on labels and on the names of parameters: here both are counted within the kernel.
    static string Hash(string ptx)
    {
        var seen = new Dictionary<string, int>();
        string text = Counted().Replace(
            EntryName().Replace(ptx[ptx.IndexOf(".version", StringComparison.Ordinal)..], ".entry k("), m =>
            {
                seen.TryAdd(m.Value, seen.Count);
                return "@" + seen[m.Value];
            });
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }

    /// <summary>
    /// Assembles kernels, each one entry of PTX, as one module, and counts what is in them.
    /// </summary>
    /// <param name="target"><c>sm_80</c></param>
    /// <param name="module">Name of the files below artifacts/ptxas.</param>
    /// <param name="kernels">Name and PTX of each.</param>
    /// <exception cref="InvalidOperationException">ptxas refused it; the message is ptxas' own.</exception>
    public static List<LedgerRow> Assemble(
        string target, string module, IReadOnlyList<(string Name, string Ptx)> kernels)
    {
        string folder = Path.Combine(s_output, target), file = Path.Combine(folder, module);
        Directory.CreateDirectory(folder);
        // ILGPU inlines everything into one entry a kernel, named after its method alone: here after the row.
        static int End(string ptx) => ptx.IndexOf(HeaderEnd, StringComparison.Ordinal) + HeaderEnd.Length;
        File.WriteAllText(file + ".ptx", kernels[0].Ptx[..End(kernels[0].Ptx)] + string.Concat(kernels.Select(
            k => EntryName().Replace(k.Ptx[End(k.Ptx)..], $".entry {Label(k.Name)}("))));
        // No debug information and ptxas' own -O3: what the driver does with ILGPU's PTX.
        string report = Run("ptxas", "-v", $"-arch={target}", file + ".ptx", "-o", file + ".cubin");
        File.WriteAllText(file + ".txt", report);
        string sass = Run("nvdisasm", "-c", file + ".cubin");
        File.WriteAllText(file + ".sass", sass);
        var reports = Report().Matches(report).ToDictionary(m => m.Groups[1].Value, m => m.Value);
        var codes = sass.Split("\n.text.").Skip(1).ToDictionary(part => part[..part.IndexOf(':')]);
        return [.. kernels.Select(k => Row(
            k.Name, target, reports[Label(k.Name)], codes[Label(k.Name)], Hash(k.Ptx)))];
    }

    /// <summary><c>sm_80</c></summary>
    public static string Target(CudaArchitecture architecture)
        => $"sm_{architecture.Major}{architecture.Minor}";

    static LedgerRow Row(string kernel, string target, string report, string sass, string hash)
    {
        string[] code =
            [.. Instruction().Matches(sass).Select(m => m.Groups[1].Value).Where(op => op != "NOP")];
        int Number(Regex pattern) => pattern.Match(report) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
        int Count(string prefix) => code.Count(op => op.StartsWith(prefix, StringComparison.Ordinal));
        int Wide(string prefix)
            => code.Count(op => op.StartsWith(prefix + ".", StringComparison.Ordinal) && op.Contains(".128"));
        return new(kernel, target, Number(Registers()), Number(Shared()), Number(Stack()),
            Number(SpillStores()), Number(SpillLoads()), Count("HMMA"), Count("LDSM"), Count("LDGSTS"),
            Wide("LDG"), Wide("STG"), Count("FFMA"), Count("BAR"), code.Length, Version, hash);
    }

    static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(s_tools, tool), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{tool} {string.Join(' ', arguments)}: {error.Result}{output}");
        return output + error.Result; // ptxas reports on one of the two, by version
    }

    static string Label(string kernel) => NotInLabel().Replace(kernel, "_").TrimEnd('_');

    static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    const string HeaderEnd = ".address_size 64\n";

    [GeneratedRegex(@"\.entry \w+\(")]
    private static partial Regex EntryName();

    // "_dY_1378", a parameter; "L_12300", a label
    [GeneratedRegex(@"\b(_\w+|L)_\d+\b")]
    private static partial Regex Counted();

    // From a kernel's "Function properties" to its "Used 32 registers, …".
    [GeneratedRegex(@"Function properties for (\w+)[^U]+Used[^\n]+")]
    private static partial Regex Report();

    // "        /*0040*/                   @P0 LDG.E R0, [R2.64] ;"
    [GeneratedRegex(@"/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Registers();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex Stack();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex SpillStores();

    [GeneratedRegex(@"(\d+) bytes spill loads")]
    private static partial Regex SpillLoads();

    [GeneratedRegex(@"V(\d+\.\d+\.\d+)")]
    private static partial Regex VersionText();

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotInLabel();
}
