using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>NaN and infinity in what is read are refused; where a pass overflows its first site is
/// named.</summary>
sealed class NonfiniteTests
{
    static string Write(TemporaryFolder folder, string parameter, int at, float value, int count = 1)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, ModelConfig.Tiny);
        model.Initialize(1);
        float[] values = model.Set[parameter].ToArray();
        Array.Fill(values, value, at, count);
        model.Set[parameter].Upload(values);
        model.Save(folder["m"]);
        return folder["m"];
    }

    [TestCase("h.1.mlp.c_proj.weight", 35, float.NaN, "NaN at [1, 3]; 1 of its 4096 numbers is not")]
    [TestCase("ln_f.bias", 0, float.PositiveInfinity, "infinity at [0]; 1 of its 32 numbers is not")]
    [TestCase("wte.weight", 1951, float.NegativeInfinity, "-infinity at [60, 31]")]
    public void A_weight_that_is_no_number_is_refused_by_name(string parameter, int at, float value,
        string what)
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder, parameter, at, value);
        using ComputeDevice device = ComputeDevice.OpenHost();
        BadInput.Refused(() => LanguageModel.Load(device, path), "model.safetensors", parameter, what);
        float[] flat = new float[new ParameterLayout(ModelConfig.Tiny).TotalLength];
        BadInput.Refused(() => ModelFolder.ReadParameters(path, ModelConfig.Tiny, flat), parameter);
        using LanguageModel model = LanguageModel.Load(device, path, allowNonfinite: true);
        Assert.That(model.NonfiniteWeights, Does.Contain(parameter).And.Contain(what));
        Assert.That(model.Set[parameter].ToArray()[at], Is.EqualTo(value));
        Assert.That(SiteParity.Measure(model, [1, 60]).Count(s => !s.Passes), Is.GreaterThan(0),
            "infinities on both sides are no agreement");
    }

    [Test]
    public void All_are_counted()
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder, "h.0.ln_1.weight", 5, float.NaN, 7);
        BadInput.Refused(() => ModelFolder.ReadPieces(path, ModelConfig.Tiny, (_, _, _) => { }),
            "at [5]; 7 of its 32 numbers are not");
    }

    [Test]
    public void A_lens_or_a_moment_is_refused_as_it_is_read()
    {
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("layers.0.weight", [2, 3], new[] { 1, 2, 3, 4, float.NaN, 6 });
        writer.Save(folder["lens.safetensors"]);
        using SafetensorsReader reader = SafetensorsReader.Open(folder["lens.safetensors"]);
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var arena = new TensorArena(device, 64, "test");
        BadInput.Refused(() => reader.Read("layers.0.weight", arena.Cut("x", 2, 3)), "lens.safetensors",
            "layers.0.weight", "NaN at [1, 1]", "1 of its 6");
    }

    static LanguageModel Overflowing(string device, ModelConfig? config = null)
    {
        var model = new LanguageModel(TestDevice.Open(device), config
            ?? ModelConfig.Tiny) { RequiresFinite = true };
        model.Initialize(2);
        return model;
    }

    static Edit Huge(Site site, float value, params int[] positions) => new()
    {
        Site = site, Operation = EditOperation.Add, Value = EditValue.Numbers([.. Enumerable.Repeat(value, 32)
            .Select((v, i) => i % 2 == 0 ? v : -v)]),
        Positions = positions.Length == 0 ? EditPositions.All : EditPositions.List(positions),
    };

    [Test]
    public void An_edit_that_overflows_is_named_with_the_first_site()
    {
        using LanguageModel model = Overflowing("cpu512");
        var rows = new SequenceBatch([[1, 2, 3], [4]]);
        using var last = new ModelSession(model,
            new SessionOptions { MaxRows = 2, MaxTokens = 3, Logits = LogitsAt.Last });
        using var all = new ModelSession(model,
            new SessionOptions { MaxRows = 2, MaxTokens = 3, Logits = LogitsAt.All });
        using var none = new ModelSession(model, new SessionOptions { MaxRows = 2, MaxTokens = 3 });
        using (model.Attach(Huge(Site.AttnOut(0), 3e38f, 2), Huge(Site.AttnOut(0), 3e38f, 2)))
        {
            foreach (ModelSession session in (ModelSession[])[last, all, none])
                BadInput.Refused(() => session.Forward(rows), "not finite", "blocks.0.hook_attn_out",
                    "row 0, token 2",
                    "edits of");
            BadInput.Refused(() => all.Loss(rows, rows.NextTokens()), "blocks.0.hook_attn_out");
            BadInput.Refused(() => new Generator(model)
                .Generate(rows, new GenerationOptions { MaxNewTokens = 2 }),
                "blocks.0.hook_attn_out");
        }
        foreach (ModelSession session in (ModelSession[])[last, all, none])
            session.Forward(rows);
    }

    [TestCase(3e38f, "blocks.0.hook_attn_out"), TestCase(1e25f, "blocks.0.ln2.hook_scale")]
    public void No_loss_with_gradients_leaves_the_numbers_in_silence(float value, string site)
    {
        using LanguageModel model = Overflowing("cpu512");
        var rows = new SequenceBatch([[1, 2, 3], [4, 5]]);
        using var session = new ModelSession(model,
            new SessionOptions { MaxRows = 2, MaxTokens = 3, Backward = true });
        using ParameterGradients gradients = ParameterGradients.Create(model);
        float[] weights = [1, 1, 0, 1, 0, 0], others = [0, 0, 0, 1, 0, 0];
        int[] targets = rows.NextTokens();
        double Sum(Tensor logits, Tensor dLogits) => logits.ToArray().Take(3 * 61).Sum(v => (double)v * v);
        using (model.Attach(Huge(Site.AttnOut(0), value, 1) with { Rows = [0] },
            Huge(Site.AttnOut(0), value, 1) with { Rows = [0] }))
        {
            foreach (Action pass in (Action[])
            [
                () => session.Loss(rows, targets),
                () => session.ForwardBackward(rows, targets, gradients, 1),
                () => session.ForwardBackward(rows, targets, weights, gradients),
            ])
                BadInput.Refused(() => pass(), "not finite", site, "row 0, token 1");
            if (value > 1e30f)
                BadInput.Refused(() => session.ForwardBackward(rows, Sum, gradients), site);
            gradients.Clear(model.Ops);
            Assert.That(session.ForwardBackward(rows, targets, others, gradients)[3], Is.GreaterThan(0),
                "the token that overflows is not weighed");
        }
        Assert.That(session.ForwardBackward(rows, targets, gradients, 1).Count, Is.EqualTo(3));
    }

    [Test]
    public void A_variance_that_overflows_is_not_taken_for_a_result()
    {
        using LanguageModel model = Overflowing("cpu512");
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 3, Logits = LogitsAt.Last });
        using (model.Attach(Huge(Site.ResidPre(0), 1e25f)))
            BadInput.Refused(() => session.Forward(new SequenceBatch([[1, 2, 3]])),
                "blocks.0.ln1.hook_scale");
    }

    [Test]
    public void Scores_that_overflow_are_named_and_not_what_follows_from_them()
    {
        using LanguageModel model = Overflowing("cpu512");
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 3, Logits = LogitsAt.All });
        using (model.Attach(Huge(Site.Q(1), 1e30f), Huge(Site.K(1), 1e30f)))
            BadInput.Refused(() => session.Forward(new SequenceBatch([[1, 2, 3]])),
                "blocks.1.attn.hook_attn_scores");
    }

    [Test]
    public void A_generation_says_at_which_step_it_leaves_the_numbers()
    {
        using LanguageModel model = Overflowing("cpu512");
        Edit late = Huge(Site.ResidPost(1), 3e38f) with { Steps = [1] };
        using (model.Attach(late, late))
            BadInput.Refused(() => new Generator(model).Generate(new SequenceBatch([[1, 2, 3]]),
                new GenerationOptions { MaxNewTokens = 3 }), "blocks.1.hook_resid_post", "token 3");
    }

    [Test]
    public void A_model_made_in_memory_may_hold_anything()
    {
        using LanguageModel model = Overflowing("cpu512");
        model.RequiresFinite = false;
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 2, Logits = LogitsAt.Last });
        using (model.Attach(Huge(Site.AttnOut(0), 3e38f), Huge(Site.AttnOut(0), 3e38f)))
            session.Forward(new SequenceBatch([[1, 2]]));
    }
}
