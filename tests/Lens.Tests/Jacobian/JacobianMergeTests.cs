using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Shards of a fit, merged.</summary>
public sealed class JacobianMergeTests
{
    const string Hash = "0123456789abcdef";

    [Test]
    public void Merged_shards_are_the_fit_of_all_texts()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        int[][] prompts = [.. Enumerable.Range(0, 5).Select(i => test.Tokens(i, 4 + i))];
        Fit(test, folder["a"], prompts[..1]);
        Fit(test, folder["b"], prompts[1..]);
        Fit(test, folder["all"], prompts);
        string[] parts = [folder["a"], folder["b"]];
        LensMetadata made = JacobianMerge.Run(test.Model, parts,
            JacobianMerge.Require(parts, test.Model.Config, Hash), folder["merged"]);
        Assert.That(made.Steps, Is.EqualTo((int[])[5, 5]));
        Assert.That((long)made.Training!["prompts_done"]!, Is.EqualTo(5));
        using LensSet merged = LensFolder.Load(test.Model, Hash, folder["merged"], null, 1),
            all = LensFolder.Load(test.Model, Hash, folder["all"], null, 1);
        foreach (int layer in (int[])[0, 1])
        {
            float[] expected = all[layer].Parameters[0].Value.ToArray();
            float[] found = merged[layer].Parameters[0].Value.ToArray();
            double bound = 6 * 0.6e-7 * expected.Max(Math.Abs); // three roundings of parts twice as large
            Assert.That(found.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(bound));
        }
        Assert.That(LensFolder.Unigram(folder["merged"]), Is.EqualTo(LensFolder.Unigram(folder["all"])));
    }

    [Test]
    public void What_is_no_shard_is_one_line()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        int[][] prompts = [.. Enumerable.Range(0, 3).Select(i => test.Tokens(i, 5))];
        Fit(test, folder["a"], prompts[..1]);
        Fit(test, folder["same"], prompts[..1]);
        Fit(test, folder["post"], prompts[1..2], JacobianSite.ResidPost, [0]);
        Fit(test, folder["one"], prompts[1..2], layers: [1]);
        Fit(test, folder["bos"], prompts[1..2], bos: 4);
        void Refused(string word, params string[] names) => BadInput.Refused(() => JacobianMerge.Require(
            [.. names.Select(n => folder[n])], test.Model.Config, Hash), word);
        Refused("one lens", "a");
        Refused("twice", "a", "same");
        Refused("layers", "a", "one");
        Refused("layers", "a", "post");
        Refused("bos is 4", "a", "bos");
        BadInput.Refused(() => JacobianMerge.Require([folder["a"], folder["bos"]], test.Model.Config,
            "another model"), "made for a model");
        using (LensSet thin = LensSet.Initial(test.Model, new() { Kind = LensKind.Thin }, [0, 1], 1))
            LensFolder.Save(folder["thin"], LensMetadata.Of(thin, Hash), thin, new HashSet<int> { 0, 1 });
        Refused("not a Jacobian lens", "a", "thin");
    }

    static void Fit(TestModel test, string folder, int[][] prompts,
        JacobianSite site = JacobianSite.ResidMid, int[]? layers = null, int? bos = null)
        => JacobianFit.Run(test.Model, Hash, layers ?? [0, 1],
            new() { Site = site, Positions = JacobianPositions.All, Bos = bos },
            DocumentSource.FromIds(prompts, "prompts"), folder);
}
