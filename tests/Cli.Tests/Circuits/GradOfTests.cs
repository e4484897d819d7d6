using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary><c>grad --of</c> against central differences of the float64 decoder.</summary>
public sealed class GradOfTests
{
    static readonly int[][] s_rows = [[3, 4, 5, 6], [9, 200, 7], [41]]; // of unequal length, one alone

    static double Metric(string of, double[] logits)
    {
        double logSum = Math.Log(logits.Sum(Math.Exp));
        return of == "logprob:8" ? logits[8] - logSum : logits[8] - logits[250];
    }

    static double Mean(string of, float[] all, ParameterLayout parameters)
    {
        var decoder = new Float64Decoder(TinyModel.Config, name =>
            all.AsSpan((int)parameters[name].Offset, (int)parameters[name].Length).ToArray());
        return s_rows.Average(row => Metric(of, decoder.Run(row)[^TinyModel.Config.VocabSize..]));
    }

    // The extrapolation of two central differences: exact up to the fifth derivative.
    static double Difference(string of, float[] all, ParameterLayout parameters, int at)
    {
        double Step(float h)
        {
            float[] up = [.. all], down = [.. all];
            up[at] += h;
            down[at] -= h;
            return (Mean(of, up, parameters) - Mean(of, down, parameters)) / ((double)up[at] - down[at]);
        }
        return (4 * Step(1e-3f) - Step(2e-3f)) / 3;
    }

    [TestCase("logit-diff:8,250"), TestCase("logprob:8")]
    public void The_gradient_of_a_metric_is_that_of_central_differences(string of)
    {
        using var folder = new TemporaryFolder();
        string file = folder["g.safetensors"];
        string batch = folder.Write("batch.json", "[[3,4,5,6],[9,200,7],[41]]");
        JsonNode json = Headtap.Done("grad", "--model", TinyModel.BareFolder, "--batch", batch, "--out", file,
            "--of", of, "--sites", "logits,hook_embed", "--json").Json;
        var parameters = new ParameterLayout(TinyModel.Config);
        float[] all = new float[parameters.TotalLength];
        ModelFolder.ReadParameters(TinyModel.BareFolder, TinyModel.Config, all);
        Assert.That((double)json["value"]!, Is.EqualTo(Mean(of, all, parameters)).Within(1e-5));
        using SafetensorsReader reader = SafetensorsReader.Open(file);
        foreach ((string name, int at) in ((string, int)[])[("ln_f.bias", 7), ("wpe.weight", 3 * 20 + 2),
            ("wte.weight", 5 * 20 + 3), ("h.0.attn.c_attn.weight", 61), ("h.1.attn.c_attn.bias", 45),
            ("h.0.mlp.c_fc.weight", 31), ("h.1.ln_2.weight", 4), ("h.1.attn.c_proj.weight", 77)])
        {
            float[] gradient = new float[parameters[name].Length];
            reader.Read(name, gradient);
            double expected = Difference(of, all, parameters, (int)parameters[name].Offset + at);
            // float32: a gradient is a sum that passes some hundred roundings
            double bound = 256 * Math.Pow(2, -24) * gradient.Max(MathF.Abs);
            Assert.That(gradient[at], Is.EqualTo(expected).Within(bound), $"{name} {at}");
        }
        // The gradient of wte through the embedding alone is the site's, where the head does not use it.
        float[] site = new float[3 * 4 * 280];
        reader.Read("logits", site);
        Assert.That(site[(4 + 2) * 280 + 250], of == "logprob:8" ? Is.LessThan(0f) : Is.EqualTo(-1f / 3));
        Assert.That(site[..(3 * 280)], Is.All.Zero, "only the last token of a prompt counts");
    }

    [TestCase("rank:3", "a rank has no gradient"), TestCase("loss", "expected logit-diff:A,B"),
        TestCase("logit-diff:3", "takes 2 tokens"), TestCase("logprob:3,4", "takes 1 token"),
        TestCase("logit-diff:3,3", "both token 3"), TestCase("logprob:280", "outside the vocabulary of 280"),
        TestCase("logprob:of the", "expected a word of one token")]
    public void A_metric_that_is_none_is_refused(string of, string said)
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--out",
            folder["g.safetensors"], "--of", of), Does.Contain(said));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [Test]
    public void A_word_of_one_token_is_its_id()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Headtap.Done("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--out",
            folder["g.safetensors"], "--of", "logprob:city", "--bos", "--json").Json;
        VerbJsonTests.Same(json, "of value values out bos", ModelJobsJson.Default.GradOfResult);
        int[] ids = ByteBpeTokenizer.Load(TinyModel.Folder).Encode(" city");
        Assert.That((string)json["of"]!, Is.EqualTo($"logprob:{ids.Single()}"));
    }
}
