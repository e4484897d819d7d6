using System.Globalization;
using System.Text.RegularExpressions;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// docs/worked-op.md agrees with the code: its numbers, its excerpts and what it says of the assembler.
/// </summary>
public partial class WorkedOpTests
{
    const int Rows = 2, C = 4;

    // The page prints decimals; in float64 they are off by their own rounding alone.
    const double Rounding = 1e-12;

    static readonly string Page = File.ReadAllText(Path.Combine(PtxAssembler.Root, "docs", "worked-op.md"));

    static readonly Dictionary<string, double[]> Printed = ReadNumbers();

    [Test]
    public void The_numbers_of_the_forward_pass_are_the_oracles()
    {
        var (y, mean, rstd) = Forward(Printed["x"]);
        AreEqual("y", y);
        AreEqual("mean", mean);
        AreEqual("rstd", rstd);
        AreEqual("var", [.. rstd.Select(r => 1 / (r * r))]);
        AreEqual("xhat", [.. Printed["x"].Select((x, i) => (x - mean[i / C]) * rstd[i / C])]);
    }

    [Test]
    public void The_numbers_of_the_backward_pass_are_the_oracles()
    {
        var (_, mean, rstd) = Forward(Printed["x"]);
        var (dX, dWeight, dBias) = LayerNormReference.Backward(
            Printed["x"], Printed["weight"], mean, rstd, Printed["dY"]);
        AreEqual("dX", dX);
        AreEqual("dWeight", dWeight);
        AreEqual("dBias", dBias);
        AreEqual("g", [.. Printed["dY"].Select((d, i) => d * Printed["weight"][i % C])]);
        AreEqual("meanG", RowMeans(Printed["g"]));
        AreEqual("meanGx", RowMeans([.. Printed["g"].Zip(Printed["xhat"], (g, x) => g * x)]));
    }

    [Test]
    public void The_difference_is_the_losses()
    {
        AreEqual("loss", [Loss(Printed["x"])]);
        double[] x = [.. Printed["x"]];
        x[0] = 9.01;
        AreEqual("lossUp", [Loss(x)]);
        x[0] = 8.99;
        AreEqual("lossDown", [Loss(x)]);
        Assert.That((Printed["lossUp"][0] - Printed["lossDown"][0]) / 0.02,
            Is.EqualTo(Printed["slope"][0]).Within(1e-10));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void The_op_computes_the_numbers(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 512);
        var ops = new Ops(arena.Device);
        float[] x = Narrow("x"), weight = Narrow("weight"), bias = Narrow("bias"), dY = Narrow("dY");
        Tensor xs = arena.Upload("x", x, Rows, C), w = arena.Upload("weight", weight, C);
        Tensor y = arena.Cut("y", Rows, C), mean = arena.Cut("mean", Rows), rstd = arena.Cut("rstd", Rows);
        ops.LayerNorm(xs, w, arena.Upload("bias", bias, C), y, mean, rstd, eps: 0f);
        Tensor dX = arena.Cut("dX", Rows, C), dWeight = arena.Cut("dWeight", C);
        Tensor dBias = arena.Cut("dBias", C);
        ops.LayerNormBackward(xs, w, mean, rstd, arena.Upload("dY", dY, Rows, C), dX, dWeight, dBias);

        var forward = LayerNormReference.Forward(x, weight, bias, Rows, 0);
        var backward = LayerNormReference.Backward(x, weight, forward.Mean, forward.Rstd, dY);
        Agreement.AtMostTwiceFloat32("y", Printed["y"], forward.Y, y.ToArray());
        Agreement.AtMostTwiceFloat32("dX", Printed["dX"], backward.DX, dX.ToArray());
        Agreement.AtMostTwiceFloat32("dWeight", Printed["dWeight"], backward.DWeight, dWeight.ToArray());
        Agreement.AtMostTwiceFloat32("dBias", Printed["dBias"], backward.DBias, dBias.ToArray());
    }

    [TestCaseSource(nameof(Excerpts))]
    public void An_excerpt_stands_in_the_file_that_it_names(string file, string excerpt)
    {
        string[] found = [.. new[] { "src", "tests", "bench" }
            .SelectMany(folder => Directory.GetFiles(
                Path.Combine(PtxAssembler.Root, folder), file, SearchOption.AllDirectories))];
        Assert.That(found, Has.Length.EqualTo(1), file);
        string source = "\n" + Flush(File.ReadAllText(found[0])) + "\n";
        Assert.That(source, Does.Contain("\n" + excerpt + "\n"), file);
    }

    [Test]
    public void The_page_names_files_that_exist()
    {
        string[] names = [.. FileName().Matches(Page).Select(m => m.Groups["file"].Value).Distinct()];
        Assert.That(names, Has.Length.GreaterThan(7));
        foreach (string name in names)
            Assert.That(new[] { "src", "tests", "bench" }.SelectMany(folder => Directory.GetFiles(
                Path.Combine(PtxAssembler.Root, folder), name, SearchOption.AllDirectories)),
                Is.Not.Empty, name);
    }

    [TestCase("Forward"), TestCase("BackwardInput"), TestCase("BackwardParams")]
    public void The_counts_of_the_assembler_are_the_ledgers(string kernel)
    {
        string[][] rows = [.. KernelLedger.Read().Select(l => l.Split(','))
            .Where(r => r[0] == $"LayerNormKernels.{kernel}")];
        string Count(string architecture, string column) => rows.Single(r => r[1] == architecture)[
            Array.IndexOf(LedgerRow.Header.Split(','), column)];
        string row = $"| `{kernel}` | {Count("sm_75", "registers")} | {Count("sm_80", "registers")} "
            + $"| {Count("sm_90", "registers")} | {Count("sm_90", "shared_bytes")} "
            + $"| {Count("sm_90", "barriers")} | {Count("sm_90", "spill_store_bytes")} |";
        Assert.That(Page, Does.Contain(row));
    }

    static (double[] Y, double[] Mean, double[] Rstd) Forward(double[] x)
        => LayerNormReference.Forward(x, Printed["weight"], Printed["bias"], Rows, 0);

    static double Loss(double[] x) => Forward(x).Y.Zip(Printed["dY"], (y, d) => y * d).Sum();

    static double[] RowMeans(double[] values) => [.. values.Chunk(C).Select(row => row.Average())];

    static float[] Narrow(string name) => Array.ConvertAll(Printed[name], v => (float)v);

    static void AreEqual(string name, double[] values)
    {
        Assert.That(Printed[name], Has.Length.EqualTo(values.Length), name);
        Assert.That(values, Is.EqualTo(Printed[name]).Within(Rounding), name);
    }

    // Blocks tagged "numbers": a name, perhaps with a row in brackets, and its values.
    static Dictionary<string, double[]> ReadNumbers() => Block("numbers")
        .SelectMany(block => block.Split('\n'))
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length > 1)
        .GroupBy(words => words[0].Split('[')[0])
        .ToDictionary(g => g.Key, g => g
            .SelectMany(words => words[1..].Select(v => double.Parse(v, CultureInfo.InvariantCulture)))
            .ToArray());

    // Blocks tagged "csharp": the file's name in a comment, then lines; an ellipsis leaves lines out.
    static IEnumerable<object[]> Excerpts() => Block("csharp").SelectMany(block =>
        block[block.IndexOf('\n')..].Split('…')
            .Select(part => new object[] { block.Split('\n')[0][3..], Flush(part) }));

    static IEnumerable<string> Block(string tag) => Fence().Matches(Page)
        .Where(m => m.Groups["tag"].Value == tag).Select(m => m.Groups["text"].Value);

    // Indentation differs between the page and the file.
    static string Flush(string text)
        => string.Join('\n', text.Split('\n').Select(line => line.Trim())).Trim('\n');

    [GeneratedRegex(@"(?s)```(?<tag>[a-z]+)\n(?<text>.*?)```")]
    private static partial Regex Fence();

    [GeneratedRegex(@"`(?<file>[\w.]+\.cs)`")]
    private static partial Regex FileName();
}
