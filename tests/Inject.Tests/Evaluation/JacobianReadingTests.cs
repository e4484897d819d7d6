using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>What attention writes, read with a Jacobian lens, and memories that are its directions.</summary>
public sealed class JacobianReadingTests
{
    const int Width = 20, Vocabulary = 37;
    const float Strength = 3f;

    static readonly EncodedPair Pair = new(new PromptPair("a", "b", "c", "d"), [7, 8, 6], [7, 4, 21, 30, 6],
        [11, 3], 9, 0..0);

    [Test]
    public void A_vector_is_read_behind_the_matrix_of_its_layer()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        using var folder = new TemporaryFolder();
        IReadOnlyList<StreamJacobian> lens = StreamJacobian.OfAttention(Write(folder, [0, 1]), model.Config);
        PairComparison found = PairComparison.Of(
            model, Pair.Explicit, Pair.Obscure, Pair.Memory, 9, Vocabulary, lens);
        PairComparison plain = PairComparison.Of(
            model, Pair.Explicit, Pair.Obscure, Pair.Memory, 9, Vocabulary);
        Dictionary<string, double[]> sites = ReferenceRun.Sites<double>(model, Pair.Obscure);
        foreach (PlaceComparison place in found.Layers.Concat(found.Heads))
        {
            double[] x = place.Head is { } head
                ? sites[$"blocks.{place.Layer}.attn.hook_result"].AsSpan((4 * 4 + head) * Width, Width)
                    .ToArray()
                : sites[$"blocks.{place.Layer}.hook_attn_out"].AsSpan(4 * Width, Width).ToArray();
            double[] logits = ReferenceRun.Unembed<double>(model, Forward(place.Layer, x));
            double size = logits.Max(Math.Abs);
            foreach (TokenLogit token in place.Obscure.Top)
                Assert.That(token.Logit, Is.EqualTo(logits[token.Token]).Within(1e-5 * size),
                    $"{place.Layer} {place.Head} {token.Token}");
            Assert.That(place.Obscure.AnswerRank, Is.EqualTo(1 + logits.Count(l => l > logits[9])));
        }
        Assert.That(found.Layers[0].Obscure.Norm, Is.EqualTo(plain.Layers[0].Obscure.Norm), "of the vector");
        Assert.That(found.Layers.Select(p => p.Cosine), Is.EqualTo(plain.Layers.Select(p => p.Cosine)));
        Assert.That(found.Heads.Select(p => p.Obscure.Top[0]),
            Is.Not.EqualTo(plain.Heads.Select(p => p.Obscure.Top[0])));
    }

    [Test]
    public void Memories_of_tokens_are_directions_of_the_lens_and_replay_as_such()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        using var folder = new TemporaryFolder();
        string lens = Write(folder, [0, 1]);
        var search = new HopSearch(model, [Pair], lens);
        var plain = new HopSearch(model, [Pair]);
        float[] head = model.Weights.Head.ToArray();
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
        {
            Suggestion found = search.Suggest(kind, [1], 4)[0];
            using (model.Attach(found.ToEdit()))
                Assert.That(new RowInjections(model, [Pair]).Before(p => p.Obscure)[0].Probability,
                    Is.EqualTo(found.Answer.Probability).Within(1e-7), $"{kind}");
            if (kind is SuggestedMemory.Difference or SuggestedMemory.BridgeLayer)
            {
                Assert.That(found.Vector, Is.EqualTo(plain.Suggest(kind, [1], 4)[0].Vector), $"{kind}");
                continue;
            }
            double[] exact = Back(1, [.. Enumerable.Range(0, Width).Select(c =>
                found.Tokens.Sum(t => (double)head[t * Width + c]))]);
            for (int c = 0; c < Width; c++)
                Assert.That(found.Vector[c], Is.EqualTo(exact[c]).Within(1e-5 * exact.Max(Math.Abs)),
                    $"{kind} {c}");
        }
        double[] missing = Forward(1, [.. search.Missing(0, 1).Select(v => (double)v)]);
        double[] raised = [.. Enumerable.Range(0, Vocabulary).Select(v =>
            Enumerable.Range(0, Width).Sum(c => head[v * Width + c] * missing[c]))];
        Assert.That(search.Suggest(SuggestedMemory.DifferenceTokens, [1], 6)[0].Tokens, Is.EqualTo(
            Enumerable.Range(0, Vocabulary).OrderByDescending(v => raised[v]).Take(6)));
    }

    [Test]
    public void The_fixed_cells_of_an_evaluation_take_the_lens_too()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, Strength);
        using var folder = new TemporaryFolder();
        string lens = Write(folder, [0, 1]);
        EncodedPair[] pairs = [Pair, Pair with { Memory = [5], Pair = Pair.Pair with { Bridge = "e" } }];
        FixedCells cells = FixedCells.Run(model, pairs, [1f, 2f], null, lens);
        Assert.That(cells.Cells.Select(c => c.Encoder).Distinct(),
            Is.EqualTo((MemoryEncoder[])[MemoryEncoder.Jacobian, MemoryEncoder.Layer]));
        using var sweep = new InjectionSweep(model, new SweepGrid
        {
            Layers = [0, 1], Taus = [1f, 2f], Encoders = [MemoryEncoder.Jacobian], Lens = lens,
        }, 5);
        SweptPair swept = sweep.Run(pairs[1]);
        for (int cell = 0; cell < 4; cell++)
            Assert.That(cells.After[cell][1], Is.EqualTo(swept.Cells[cell]!)
                .Using<AnswerStanding, AnswerStanding>((a, b) => a.Probability == b.Probability), $"{cell}");
        SuggestionEvaluation evaluated = SuggestionEvaluation.Run(
            model, pairs, pairs, [1f, 2f], 4, 5, lens: lens);
        Assert.That(evaluated.Results.Single(r => r.Name == "suggested: bridge").After[0].Probability,
            Is.EqualTo(new HopSearch(model, pairs, lens).Suggest(
                SuggestedMemory.Bridge, [.. evaluated.Hops.Select(h => h.Layer)], 4)[0].Answer.Probability));
    }

    [Test]
    public void A_layer_that_the_lens_lacks_is_refused()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        using var folder = new TemporaryFolder();
        string lens = Write(folder, [1]);
        UserException told = Assert.Throws<UserException>(() => new HopSearch(model, [Pair], lens))!;
        Assert.That(told.Message, Does.Contain("no layer 0"));
    }

    static float Matrix(int layer, int i, int j)
        => (i == j ? 1f : 0f) + 0.5f * (float)Math.Sin(1 + 100 * layer + 7 * i + 3.1 * j);

    // x J^T
    static double[] Forward(int layer, double[] x) => [.. Enumerable.Range(0, Width).Select(i =>
        Enumerable.Range(0, Width).Sum(j => x[j] * Matrix(layer, i, j)))];

    // J^T w
    static double[] Back(int layer, double[] w) => [.. Enumerable.Range(0, Width).Select(j =>
        Enumerable.Range(0, Width).Sum(i => w[i] * Matrix(layer, i, j)))];

    static string Write(TemporaryFolder folder, int[] layers)
    {
        var writer = new SafetensorsWriter();
        writer.Metadata["lens"] = new JsonObject
        {
            ["lens"] = new JsonObject { ["kind"] = "jacobian", ["site"] = "resid_mid" },
        }.ToJsonString();
        foreach (int layer in layers)
            writer.Add($"layers.{layer}.jacobian", [Width, Width], (ReadOnlyMemory<float>)(float[])
            [
                .. from i in Enumerable.Range(0, Width)
                   from j in Enumerable.Range(0, Width)
                   select Matrix(layer, i, j),
            ]);
        string lens = folder["lens"];
        Directory.CreateDirectory(lens);
        writer.Save(Path.Combine(lens, StreamJacobian.WeightsFile));
        return lens;
    }
}
