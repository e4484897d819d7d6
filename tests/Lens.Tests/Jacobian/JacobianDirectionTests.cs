using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Directions of tokens behind a Jacobian, as values of edits.</summary>
public sealed class JacobianDirectionTests
{
    [TestCase("blocks.1.hook_attn_out", JacobianSite.ResidMid, 1)]
    [TestCase("blocks.0.hook_resid_mid", JacobianSite.ResidMid, 0)]
    [TestCase("blocks.0.hook_mlp_out", JacobianSite.ResidPost, 0)]
    [TestCase("blocks.0.hook_resid_post", JacobianSite.ResidPost, 0)]
    [TestCase("blocks.1.hook_resid_pre", JacobianSite.ResidPost, 0)]
    public void A_direction_is_the_transposed_Jacobian_times_the_unembedding(
        string place, JacobianSite site, int layer)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(
            test, folder["lens"], site, site == JacobianSite.ResidMid ? [0, 1] : [0]);
        float[] J = JacobianFiles.Matrix(test, layer), head = test.Model.Weights.Head.ToArray();
        double[] exact = [.. Enumerable.Range(0, 20).Select(j => Enumerable.Range(0, 20).Sum(i =>
            J[i * 20 + j] * ((double)head[3 * 20 + i] + head[7 * 20 + i])))];
        float[] added = Added(test, new Edit
        {
            Site = place, Operation = EditOperation.Add, Alpha = 2, Value = EditValue.Jacobian(lens, 3, 7, 3),
        }, place);
        // Sums of 20 products, added to a stream below 10.
        double bound = 4 * 20 * 1.2e-7 * Math.Max(exact.Max(Math.Abs), 10);
        for (int c = 0; c < 20; c++)
            Assert.That(added[c], Is.EqualTo(2 * exact[c]).Within(bound), $"{c}");
    }

    [TestCase("blocks.*.hook_resid_mid", JacobianSite.ResidMid, true)]
    [TestCase("blocks.*.hook_resid_mid", JacobianSite.ResidMid, false)]
    [TestCase("blocks.1.hook_resid_post", JacobianSite.ResidPost, false)] // the last stream has J = I
    public void The_identity_is_the_unembedding(string place, JacobianSite site, bool identity)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(
            test, folder["lens"], site, site == JacobianSite.ResidMid ? [0, 1] : [0], identity);
        float[] Logits(EditValue value) => Run(test, new Edit
        {
            Site = place, Operation = EditOperation.Add, Value = value,
        });
        Assert.That(Logits(EditValue.Jacobian(lens, 3, 7)), identity || site == JacobianSite.ResidPost
            ? Is.EqualTo(Logits(EditValue.Unembed(3, 7))) : Is.Not.EqualTo(Logits(EditValue.Unembed(3, 7))));
    }

    [Test]
    public void A_swap_puts_one_token_in_the_place_of_another()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(test, folder["lens"], JacobianSite.ResidMid, [0, 1]);
        var edit = new Edit
        {
            Site = "blocks.1.hook_resid_mid", Operation = EditOperation.Swap,
            Value = EditValue.Jacobian(lens, 3), To = EditValue.Jacobian(lens, 7),
        };
        double[] s = Unit(test, lens, 3), t = Unit(test, lens, 7);
        double[] before = Numbers.Wide(Stream(test, null)), after = Numbers.Wide(Stream(test, edit));
        double along = before.Zip(s, (x, u) => x * u).Sum();
        for (int c = 0; c < 20; c++)
            Assert.That(after[c], Is.EqualTo(before[c] - along * s[c] + along * t[c]).Within(1e-5), $"{c}");
        Assert.That(Math.Abs(along), Is.GreaterThan(1e-2));
    }

    [Test]
    public void What_has_no_direction_is_one_line()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string mid = JacobianFiles.Write(test, folder["mid"], JacobianSite.ResidMid, [1]);
        string post = JacobianFiles.Write(test, folder["post"], JacobianSite.ResidPost, [0]);
        void Refused(string place, string lens, string word, int token = 3) => BadInput.Refused(() =>
            test.Model.Attach(new Edit
            {
                Site = place, Operation = EditOperation.Add, Value = EditValue.Jacobian(lens, token),
            }), word);
        Refused("blocks.0.hook_resid_mid", mid, "no layer 0");
        Refused("blocks.1.hook_attn_out", post, "reads resid_post");
        Refused("blocks.0.hook_resid_pre", post, "no stream that has a Jacobian");
        Refused("blocks.1.attn.hook_z", mid, "no stream that has a Jacobian");
        Refused("blocks.1.hook_resid_mid", folder["none"], "no lens.safetensors");
        Refused("blocks.1.hook_resid_mid", mid, "outside the vocabulary", token: 37);
        using (LensSet thin = LensSet.Initial(test.Model, new() { Kind = LensKind.Thin }, [1], 1))
            LensFolder.Save(folder["thin"], LensMetadata.Of(thin, "hash"), thin, new HashSet<int> { 1 });
        Refused("blocks.1.hook_resid_mid", folder["thin"], "another kind");
        Edit swap = new()
        {
            Site = "blocks.1.attn.hook_z", Operation = EditOperation.Swap, Value = EditValue.Unembed(1),
            To = EditValue.Unembed(2),
        };
        BadInput.Refused(() => test.Model.Attach(swap), "site without heads");
        BadInput.Refused(() => test.Model.Attach(swap with
        {
            Site = "hook_embed", To = null,
        }), "swap needs to");
        BadInput.Refused(() => test.Model.Attach(swap with
        {
            Site = "hook_embed", Operation = EditOperation.Add,
        }), "takes no to");
        BadInput.Refused(() => test.Model.Attach(swap with
        {
            Site = "hook_embed", To = EditValue.Numbers(1, 2),
        }), "one row of 20");
    }

    // What an edit adds at a place, at the first position, before anything else sees it.
    static float[] Added(TestModel test, Edit edit, string place)
    {
        Site site = Site.Parse(place);
        float[] before = Recorded(test, site, null), after = Recorded(test, site, edit);
        return [.. after.Take(20).Zip(before, (a, b) => a - b)];
    }

    static float[] Stream(TestModel test, Edit? edit) => [.. Recorded(test, Site.ResidMid(1), edit).Take(20)];

    static float[] Run(TestModel test, Edit edit) => Recorded(test, new Site(SiteKind.Logits), edit);

    static float[] Recorded(TestModel test, Site site, Edit? edit)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = 6, Record = [site],
        });
        using IDisposable attached = test.Model.Attach(edit is null ? [] : [edit]);
        session.Forward(new SequenceBatch([test.Tokens(3, 6)]));
        return session.Recordings[site].ToArray();
    }

    static double[] Unit(TestModel test, string lens, int token)
    {
        float[] direction = (new JacobianValue(lens, [token]) { Place = Site.ResidMid(1) }).For(test.Model);
        double norm = Math.Sqrt(direction.Sum(v => (double)v * v));
        return [.. direction.Select(v => v / norm)];
    }
}
