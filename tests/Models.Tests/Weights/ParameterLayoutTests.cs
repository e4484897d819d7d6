namespace HeadTap.Models.Tests;

/// <summary>The table of parameters: names, shapes, places.</summary>
sealed class ParameterLayoutTests
{
    [Test]
    public void The_published_sizes_are_the_published_counts()
    {
        (ModelConfig Config, long Count)[] published =
        [
            (Gpt2.Small, 124_439_808), (Gpt2.Medium, 354_823_168),
            (Gpt2.Large, 774_030_080), (Gpt2.Xl, 1_557_611_200),
            (Gpt2.Distil, 81_912_576),
        ];
        foreach ((ModelConfig config, long count) in published)
            Assert.That(new ParameterLayout(config).TotalLength, Is.EqualTo(count));
    }

    [Test]
    public void Slices_tile_the_vector_in_checkpoint_order()
    {
        var table = new ParameterLayout(ModelConfig.Tiny with { TiedHead = false, Inner = 96 });
        long end = 0;
        foreach (ParameterSlice slice in table.Slices)
        {
            Assert.That(slice.Offset, Is.EqualTo(end));
            Assert.That(slice.Length, Is.EqualTo(slice.Shape.Aggregate(1L, (p, e) => p * e)));
            end += slice.Length;
        }
        Assert.That(end, Is.EqualTo(table.TotalLength));
        Assert.That(table.Slices.Take(9).Concat(table.Slices.TakeLast(4)).Select(s => s.ToString()),
            Is.EqualTo(new[]
        {
            "wte.weight [61, 32]", "wpe.weight [16, 32]", "h.0.ln_1.weight [32]", "h.0.ln_1.bias [32]",
            "h.0.attn.c_attn.weight [32, 96]", "h.0.attn.c_attn.bias [96]", "h.0.attn.c_proj.weight [32, 32]",
            "h.0.attn.c_proj.bias [32]", "h.0.ln_2.weight [32]",
            "h.1.mlp.c_proj.bias [32]", "ln_f.weight [32]", "ln_f.bias [32]", "lm_head.weight [61, 32]",
        }));
        Assert.That(table["h.1.mlp.c_fc.weight"].Shape, Is.EqualTo(new[] { 32, 96 }));
        Assert.That(table["h.1.mlp.c_proj.weight"].Shape, Is.EqualTo(new[] { 96, 32 }));
    }

    [Test]
    public void A_tied_head_is_no_parameter()
    {
        var table = new ParameterLayout(ModelConfig.Tiny);
        Assert.That(table.TryFind("lm_head.weight", out _), Is.False);
        Assert.That(table.Slices, Has.Count.EqualTo(2 + 12 * 2 + 2));
    }

    [Test]
    public void Names_may_carry_the_prefix()
    {
        var table = new ParameterLayout(ModelConfig.Tiny);
        Assert.That(table["transformer.wpe.weight"], Is.SameAs(table["wpe.weight"]));
        Assert.That(table.Match("transformer.h.0.*"), Has.Count.EqualTo(12));
    }

    [TestCase("h.*.mlp.*", 8)]
    [TestCase("h.1.attn.c_attn.weight", 1)]
    [TestCase("*.bias", 13)]
    [TestCase("h.?.ln_2.weight", 2)]
    [TestCase("*", 28)]
    public void Globs_name_many(string pattern, int count)
    {
        var table = new ParameterLayout(ModelConfig.Tiny);
        Assert.That(table.Match(pattern), Has.Count.EqualTo(count));
        Assert.That(table.Match(pattern), Is.Ordered.By(nameof(ParameterSlice.Offset)));
    }

    [TestCase("h.2.*")]
    [TestCase("H.*")]
    [TestCase("")]
    [TestCase("mlp")]
    [TestCase("wte.weight\n")]
    public void A_pattern_that_matches_nothing_is_refused(string pattern) =>
        BadInput.Refused(() => new ParameterLayout(ModelConfig.Tiny).Match(pattern), "matches no parameter");

    [Test]
    public void An_unknown_name_or_an_unusable_config_is_refused()
    {
        BadInput.Refused(() => _ = new ParameterLayout(ModelConfig.Tiny)["h.9.ln_1.bias"], "h.9.ln_1.bias");
        BadInput.Refused(() => _ = new ParameterLayout(ModelConfig.Tiny with { Heads = 3 }), "not divisible");
    }
}
