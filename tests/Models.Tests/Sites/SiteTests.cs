namespace HeadTap.Models.Tests;

public class SiteTests
{
    static readonly ModelConfig Config = TestModel.Small with { Layers = 12 };

    // docs/sites.md: aliases outside the blocks, and of places inside "h.{l}." and "blocks.{l}.".
    static readonly (string Aliases, string Site)[] Table =
    [
        ("wte, wte.output, embed.hook_out", "hook_embed"),
        ("wpe, wpe.output, pos_embed.hook_out", "hook_pos_embed"),
        ("ln_f, ln_f.output, unembed.hook_in", "ln_final.hook_normalized"),
        ("lm_head, lm_head.output, unembed.hook_out", "logits"),
        ("h.{l}.input, blocks.{l}.hook_in", "hook_resid_pre"),
        ("h.{l}.ln_1, h.{l}.ln_1.output, blocks.{l}.ln1.hook_out", "ln1.hook_normalized"),
        ("blocks.{l}.attn.q.hook_out", "attn.hook_q"),
        ("blocks.{l}.attn.k.hook_out", "attn.hook_k"),
        ("blocks.{l}.attn.v.hook_out", "attn.hook_v"),
        ("h.{l}.attn.c_proj.input, blocks.{l}.attn.o.hook_in", "attn.hook_z"),
        ("blocks.{l}.attn.hook_hidden_states", "attn.hook_result"),
        ("h.{l}.attn, h.{l}.attn.output, h.{l}.attn.output[0], h.{l}.attn.c_proj.output, "
            + "blocks.{l}.attn.hook_out",
            "hook_attn_out"),
        ("h.{l}.ln_2.input", "hook_resid_mid"),
        ("h.{l}.ln_2, h.{l}.ln_2.output, blocks.{l}.ln2.hook_out", "ln2.hook_normalized"),
        ("h.{l}.mlp.c_fc.output, blocks.{l}.mlp.in.hook_out", "mlp.hook_pre"),
        ("h.{l}.mlp.act, h.{l}.mlp.c_proj.input, blocks.{l}.mlp.out.hook_in", "mlp.hook_post"),
        ("h.{l}.mlp, h.{l}.mlp.output, blocks.{l}.mlp.hook_out", "hook_mlp_out"),
        ("h.{l}.output, h.{l}.output[0], blocks.{l}.hook_out", "hook_resid_post"),
    ];

    static IEnumerable<TestCaseData> Rows => Table.SelectMany(r => r.Aliases.Split(", ")
        .Select(alias => new TestCaseData(alias, r.Site)));

    [TestCaseSource(nameof(Rows))]
    public void An_alias_means_its_site(string alias, string site)
    {
        foreach (string prefix in (string[])["", "transformer."])
            foreach (string layer in (string[])["0", "11", "*", "?", "1?"])
            {
                bool inBlock = alias.Contains("{l}");
                string[] expected = !inBlock ? [site]
                    : [.. Enumerable.Range(0, 12).Where(l => layer switch
                        {
                            "*" => true,
                            "?" => l < 10,
                            "1?" => l > 9,
                            _ => l == int.Parse(layer),
                        }).Select(l => $"blocks.{l}.{site}")];
                Assert.That(Names(prefix + alias.Replace("{l}", layer)), Is.EqualTo(expected));
            }
    }

    [Test]
    public void The_table_has_every_alias()
    {
        string[] places = [.. Table.SelectMany(r => r.Aliases.Split(", ")).Select(Place).Distinct()];
        Assert.That(SiteNames.Aliases(Config.Architecture).Select(a => Place(a.Alias)).Distinct(),
            Is.EquivalentTo(places));
        foreach ((string alias, SiteKind kind) in SiteNames.Aliases(Config.Architecture))
            Assert.That(Site.Match(alias.Replace("{l}", "3"), Config),
                Is.EqualTo(new[] { new Site(kind, alias.Contains("{l}") ? 3 : 0) }), alias);
        static string Place(string alias)
            => alias[(alias.IndexOf("{l}.", StringComparison.Ordinal) is var i and >= 0 ? i + 4 : 0)..];
    }

    [Test]
    public void Every_name_means_itself_and_comes_in_forward_order()
    {
        Site[] all = [.. Site.All(Config)];
        Assert.That(all, Has.Length.EqualTo(12 * 18 + 5).And.Unique);
        foreach (Site site in all)
            Assert.That(Site.Match(site.Name, Config), Is.EqualTo(new[] { site }));
        Assert.That(Site.Match("*", Config), Is.EqualTo(all));
        Assert.That(all.Reverse().Order(), Is.EqualTo(all), "2 before 10");
        Assert.That(Site.MatchAll(["logits", "blocks.10.*", "h.2.attn", "hook_embed", "logits"], Config)
            .Select(s => s.Name),
            Is.EqualTo(["hook_embed", "blocks.2.hook_attn_out",
                .. all.Where(s => s.Layer == 10).Select(s => s.Name), "logits"]));
        Assert.That(all.Select(s => s.Name),
            Is.EqualTo(ReferenceSizes.Of(Config).Sites(1).Select(s => s.Name)));
    }

    [TestCase("blocks.*.attn.hook_z", 12), TestCase("blocks.1?.hook_resid_*", 6), TestCase("*hook_scale", 25),
     TestCase("*.hook_resid_pos?", 12), TestCase(" logits ", 1), TestCase("h.*.attn.hook_*", 12 * 7)]
    public void A_glob_selects_many(string pattern, int count)
        => Assert.That(Names(pattern), Has.Length.EqualTo(count));

    [TestCase("blocks.12.attn.hook_z"), TestCase("blocks.01.attn.hook_z"), TestCase("hook_z"), TestCase(""),
     TestCase("BLOCKS.0.attn.hook_z"), TestCase("h.0.attn.c_attn"), TestCase("blocks.-1.attn.hook_z"),
     TestCase("blocks.\n.attn")]
    public void A_pattern_that_matches_nothing_is_refused(string pattern)
    {
        BadInput.Refused(() => Site.Match(pattern, Config), "matches nothing", "blocks 0 to 11");
        BadInput.Refused(() => Site.MatchAll(["logits", pattern], Config), "matches nothing");
    }

    static string[] Names(string pattern) => [.. Site.Match(pattern, Config).Select(s => s.Name)];
}
