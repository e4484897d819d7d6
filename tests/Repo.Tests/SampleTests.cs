using System.Diagnostics;

namespace HeadTap.Repo.Tests;

/// <summary>The programs of samples/ run on the shipped model and print what they promise.</summary>
public sealed class SampleTests
{
    [TestCase("Tap", "next token:", "without head 3.2:", "|dQkv of block 0| =")]
    [TestCase("Lens", "trained: True", "1.5 writes")]
    [TestCase("Circuits", "yen minus baht: ", "  layer 0, position 4: 13.63", "  layer 0, head 0: 7.29")]
    [TestCase("Inject", "p of \"Brunei dollar\": 14.3 % without the memory")]
    [TestCase("Unlearn", "before:  CD43-WFV8", "the same bits: True")]
    [TestCase("Align", "scrambled: loss ", "aligned: loss ", "barrier 0.000 nats")]
    [TestCase("Merge", "atlas: loss of the first sentence 9.50, of the second 11.49",
        "merge: loss of the first sentence 0.71, of the second 1.56")]
    [TestCase("Landscape", "0.0  1.492  71 %", "1.0  ", "a plane: loss at model + x u + y v")]
    public void A_sample_runs(string sample, params string[] lines)
    {
        string output = Run(sample);
        foreach (string line in lines)
            Assert.That(output, Does.Contain(line));
    }

    [Test]
    public void The_first_program_of_README_is_a_sample()
    {
        string readme = Repository.Text("README.md");
        string block = readme.Split("```csharp\n")[1].Split("```")[0];
        Assert.That(Repository.Text("samples", "Tap", "Program.cs"), Does.Contain(block));
    }

    static string Run(string sample)
    {
        var start = new ProcessStartInfo("dotnet",
        [
            Repository.At("artifacts", "bin", $"{sample}.Sample", "release", $"HeadTap.{sample}.Sample.dll"),
            Repository.At("weights", "atlas"),
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error.Result);
        return output.Result;
    }
}
