using System.Globalization;
using System.Text.Json;
using HeadTap.Models;

namespace HeadTap.Inject.Tests;

/// <summary>The numbers that <c>verify</c> carries are the published files'.</summary>
public sealed class PublishedInjectionsTests
{
    static readonly PublishedInjections s_small = PublishedInjections.All.Single(p => p.Model == "gpt2");

    [Test]
    public void Each_belongs_to_a_model_that_can_be_fetched_and_fits_its_layers()
    {
        foreach (PublishedInjections published in PublishedInjections.All)
        {
            ModelConfig config = PublishedModel.Find(published.Model).Config;
            foreach (PublishedPrompt prompt in published.Prompts)
            {
                Assert.That(prompt.Edits, Has.Count.EqualTo(config.Layers));
                Assert.That((double[])[prompt.Explicit, prompt.Obscure, .. prompt.Edits],
                    Is.All.InRange(0.0, 1.0));
            }
            Assert.That(published.Cells.Select(c => c.Layer), Is.All.LessThan(config.Layers));
        }
    }

    [Test]
    public void Prompts_and_probabilities_are_those_of_the_files()
    {
        PromptPairs hand = PromptPairs.Read(
            SharedData.Require("data", "handwritten_obscure_explicit_data.csv"));
        CsvTable results = CsvTable.Read(SharedData.Require("experiments", "tweak_factor_analysis", "data",
            "gpt2-small", "memory_tweaker_unembed_head_hook", "tweak_3.csv"));
        Assert.That(s_small.Tau, Is.EqualTo(3));
        Assert.That(s_small.Prompts, Has.Count.EqualTo(3));
        for (int i = 0; i < 3; i++)
        {
            PublishedPrompt prompt = s_small.Prompts[i];
            double Printed(string column) => Math.Round(
                double.Parse(results.Rows[i][results.Find(column)], CultureInfo.InvariantCulture), 6);
            Assert.That(prompt.Pair, Is.EqualTo(hand[i] with { ObscureEntity = "" }));
            Assert.That(prompt.Explicit, Is.EqualTo(Printed("answer_prob_exp")));
            Assert.That(prompt.Obscure, Is.EqualTo(Printed("answer_prob_obs")));
            Assert.That(prompt.Edits, Is.EqualTo(
                Enumerable.Range(0, 12).Select(layer => Printed($"ans_prob_obs_edit_layer{layer}"))));
            Assert.That(prompt.Top, Is.EqualTo(JsonSerializer.Deserialize<int[]>(
                results.Rows[i][results.Find($"topk_tok_obs_edit_layer{prompt.TopLayer}")])!.Take(6)));
        }
    }

    [Test]
    public void The_published_top_tokens_hold_the_answers_as_GPT2_spells_them()
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(SharedData.Require("..", "gpt2-bpe"));
        foreach (PublishedPrompt prompt in s_small.Prompts)
        {
            EncodedPair pair = EncodedPair.Of(prompt.Pair, tokenizer, Gpt2.Small, 50256, "pair");
            Assert.That(prompt.Top, Does.Contain(pair.Answer), tokenizer.Decode([.. prompt.Top]));
        }
    }

    [Test]
    public void Gains_are_those_of_the_derived_grid()
    {
        CsvTable grid = CsvTable.Read(SharedData.Require("derived", "curated_injection_grid.csv"));
        foreach (PublishedInjections published in PublishedInjections.All)
            foreach (PublishedCell cell in published.Cells)
            {
                string set = cell.File.Contains("1000", StringComparison.Ordinal) ? "multi_1000" : "data";
                string model = published.Model == "gpt2" ? "gpt2-small" : published.Model;
                IReadOnlyList<string> row = grid.Rows.Single(r => r[1] == $"{cell.Layer}"
                    && r[2] == $"{cell.Tau}" && r[0] == $"{set}/{model}/memory_tweaker_unembed_head_hook");
                Assert.That(cell.Gain,
                    Is.EqualTo(double.Parse(row[4], CultureInfo.InvariantCulture)));
                Assert.That(PromptPairs.Read(SharedData.Require(cell.File.Split('/'))), Is.Not.Empty);
            }
    }
}
