using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Reference;

namespace HeadTap.Cli.Tests;

/// <summary>
/// Many model folders with plausible, wrong values: each is refused in one line, or gives what float64 gives.
/// Seeded, so that a failure comes back; bounded by time.
/// </summary>
sealed class HostileFolderTests
{
    const int MostFolders = 5000;
    const double MostSeconds = 6;

    static readonly int[] s_tokens = [3, 30, 0, 17, 5];

    [Test]
    public void A_folder_is_refused_in_one_line_or_gives_what_float64_gives()
    {
        var clock = Stopwatch.StartNew();
        (int folders, int refused) = (0, 0);
        for (; folders < MostFolders && clock.Elapsed.TotalSeconds < MostSeconds; folders++)
        {
            using var place = new TemporaryFolder();
            var folder = new HostileFolder((ulong)folders);
            folder.Write(place["m"]);
            refused += Try(folder, place, $"folder {folders}: {folder}") ? 0 : 1;
        }
        TestContext.Out.WriteLine($"{folders} folders, {refused} refused");
        Assert.That(refused, Is.GreaterThan(folders / 5).And.LessThan(folders * 4 / 5));
    }

    static bool Try(HostileFolder folder, TemporaryFolder place, string name)
    {
        bool ran = Run(name, "trace", "--model", place["m"], "--ids", string.Join(',', s_tokens),
            "--sites", "logits", "--out", place["f.safetensors"], "--device", "cpu");
        bool wrote = Run(name, "generate", "--model", place["m"], "--ids", "3,30", "--max-new-tokens", "2",
            "--device", "cpu");
        if (folder.IsWrong)
            Assert.That(ran || wrote, Is.False, $"{name}: not refused");
        if (!ran)
            return false;
        float[] found = new float[s_tokens.Length * folder.Meaning.Vocabulary];
        using (SafetensorsReader reader = SafetensorsReader.Open(place["f.safetensors"]))
            reader.Read("logits", found);
        RequireEqual(folder, found, name);
        return true;
    }

    static bool Run(string name, params string[] args)
    {
        Headtap run = Headtap.Run(args);
        Assert.That(run.Code, Is.AnyOf(0, 2), $"{name}: {args[0]}\n{run.Error}");
        if (run.Code == 2)
        {
            string[] lines = run.Error.TrimEnd('\n').Split('\n');
            Assert.That(lines.Count(l => l.StartsWith("headtap: ", StringComparison.Ordinal)), Is.EqualTo(1),
                name);
            Assert.That(lines[^1], Does.StartWith("headtap: "), name);
        }
        return run.Code == 0;
    }

    // As exact as plain float32 loops are; where these overflow, to three digits.
    static void RequireEqual(HostileFolder folder, float[] found, string name)
    {
        double[] exact = Gpt2Reference.Forward(
            folder.Meaning, Gpt2Reference.Convert<double>(folder.Parameters), s_tokens)["logits"];
        float[] plain = Gpt2Reference.Forward(folder.Meaning, folder.Parameters, s_tokens)["logits"];
        double largest = exact.Max(Math.Abs), yardstick = plain.Zip(exact, (p, e) => Math.Abs(p - e)).Max();
        double bound = Math.Max(1e-3 * Math.Max(1, largest), double.IsFinite(yardstick) ? 4 * yardstick : 0);
        for (int i = 0; i < exact.Length; i++)
            Assert.That(Math.Abs(found[i] - exact[i]), Is.LessThanOrEqualTo(bound), $"{name}: logit {i}");
    }
}
