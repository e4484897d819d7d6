using System.Globalization;
using HeadTap.Models;

namespace HeadTap.Inject.Tests;

/// <summary>The published tables, recomputed from the published values of each prompt.</summary>
public sealed class PublishedResultsTests
{
    const string Unembed = "memory_tweaker_unembed_head_hook";

    [TestCase("data", "gpt2-small", 3, 6, 44.9)]
    [TestCase("data", "gpt2-large", 10, 13, 68.5)]
    [TestCase("multi_1000", "gpt2-small", 5, 5, 423.7)]
    public void The_papers_best_cells(string set, string model, int tau, int layer, double gain)
    {
        CsvTable table = Results(set, model, Unembed, tau);
        Assert.That(Cell(table, layer).TrimmedMean, Is.EqualTo(gain).Within(0.05));
    }

    // Columns are tau 1, 3, 5, 10 and 15; rows are layers.
    const string Profile = """
        -73.0 -90.2 -90.2 -96.0 -98.6
          9.4  17.4 -10.3 -89.7 -95.4
          9.1  40.9 -13.7 -83.7 -99.1
          7.3  17.1 -18.6 -87.0 -99.6
         12.0  38.2  26.3 -88.4 -99.6
         15.3  43.0  25.8 -86.2 -98.5
         16.6  44.9  32.3 -64.7 -98.3
         15.3  38.6  30.1 -68.1 -98.6
         15.3  42.5   9.6 -60.1 -97.5
         12.5  26.7  10.7 -56.0 -96.0
          9.7  22.5  13.4 -42.5 -90.8
          7.5  19.0  21.5 -27.9 -73.4
        """;

    [TestCase(0, 1), TestCase(1, 3), TestCase(2, 5), TestCase(3, 10), TestCase(4, 15)]
    public void The_profile_over_layers(int column, int tau)
    {
        CsvTable table = Results("data", "gpt2-small", Unembed, tau);
        string[] rows = Profile.Split('\n');
        // One digit, rounded from three: 16.5498 was printed as 16.6.
        Assert.That(rows, Has.Length.EqualTo(12));
        for (int layer = 0; layer < rows.Length; layer++)
        {
            string[] cells = rows[layer].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.That(Cell(table, layer).TrimmedMean,
                Is.EqualTo(Number(cells[column])).Within(0.0505), $"layer {layer}");
        }
    }

    [Test]
    public void Every_row_of_the_derived_grid_whose_file_is_there()
    {
        CsvTable grid = CsvTable.Read(SharedData.Require("derived", "curated_injection_grid.csv"));
        int tested = 0;
        foreach (var file in grid.Rows.GroupBy(row => (Run: row[0], Tau: row[2])))
        {
            string[] run = file.Key.Run.Split('/');
            string path = Path.Combine([SharedData.Require("experiments", "tweak_factor_analysis"), .. run,
                $"tweak_{file.Key.Tau}.csv"]);
            if (!File.Exists(path))
                continue;
            CsvTable table = CsvTable.Read(path);
            foreach (IReadOnlyList<string> row in file)
            {
                int layer = int.Parse(row[1], CultureInfo.InvariantCulture);
                GainSummary found = Cell(table, layer);
                double[] gains = Gains(table, layer), printed = [.. row.Skip(3).Select(Number)];
                Array.Sort(gains);
                int n = gains.Length;
                // Three digits were printed. Its median of an even number is the upper middle value, ours the
                // mean of both.
                Assert.That((double[])[found.Mean, found.TrimmedMean, found.ProbabilityChange, gains[n / 2]],
                    Is.EqualTo(printed).Within(0.0005 + 1e-9), $"{path} layer {layer}");
                Assert.That(found.Median, Is.EqualTo((gains[n / 2 - 1] + gains[n / 2]) / 2));
                tested++;
            }
        }
        // 15 tau of gpt2-small by unembed, one by embed and by layer, one on 2wmh: 12 layers; gpt2-large: 36.
        Assert.That(tested, Is.EqualTo(18 * 12 + 36));
    }

    [TestCase("adjectives", -7.6), TestCase("adverbs", -6.0), TestCase("conjunctions", -6.3)]
    [TestCase("nouns", -6.5), TestCase("verbs", -7.4), TestCase("top_5000", -6.0)]
    public void Random_words_by_the_mean_over_words_of_the_trimmed_mean(string category, double gain)
    {
        CsvTable table = CsvTable.Read(SharedData.Require("experiments", "fake_injections",
            "gpt2-small_hand", $"gpt2-small_hand_fake_inject_layer7_tweak3_{category}.csv"));
        double[] before = table.Numbers("answer_prob_obs");
        double[] words = [.. table.Header.Where(c => c.StartsWith("ans_prob_obs_edit_subject_",
            StringComparison.Ordinal)).Select(c => TrimmedMeanGain.Of(before, table.Numbers(c)))];
        Assert.That(words, Has.Length.EqualTo(category == "top_5000" ? 38 : 40));
        Assert.That(words.Average(), Is.EqualTo(gain).Within(0.05));
    }

    static GainSummary Cell(CsvTable table, int layer) => GainSummary.Of(
        table.Numbers("answer_prob_obs"), table.Numbers($"ans_prob_obs_edit_layer{layer}"));

    static double[] Gains(CsvTable table, int layer) => RelativeGain.Of(
        table.Numbers("answer_prob_obs"), table.Numbers($"ans_prob_obs_edit_layer{layer}"));

    static CsvTable Results(string set, string model, string hook, int tau) =>
        CsvTable.Read(SharedData.Require(
            "experiments", "tweak_factor_analysis", set, model, hook, $"tweak_{tau}.csv"));

    static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
