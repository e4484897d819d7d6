using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public sealed class DirectLogitAttributionTests
{
    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    [Test]
    public void Contributions_add_up_to_the_logits()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        int[] prompt = [3, 14, 15, 9, 2];
        SiteKind[] parts = [SiteKind.Embed, SiteKind.PosEmbed, SiteKind.Result, SiteKind.MlpOut];
        Site[] sites =
            [.. Site.All(Config).Where(s => parts.Contains(s.Kind) || s.Kind == SiteKind.LnFinalScale)];
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 5, Record = sites, Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([prompt]));
        List<float> summands = [];
        foreach (Site site in sites.Where(s => s.Kind != SiteKind.LnFinalScale))
        {
            float[] all = session.Recordings[site].ToArray();
            summands.AddRange(all[(all.Length / 5 * 4)..]); // the last position
        }
        for (int l = 0; l < Config.Layers; l++)
            summands.AddRange(model.Set[$"h.{l}.attn.c_proj.bias"].ToArray()); // hook_result leaves it out
        float scale = session.Recordings[new Site(SiteKind.LnFinalScale)].ToArray()[4];
        float[] contributions = DirectLogitAttribution.Unembed(model, [.. summands], scale);
        float[] shift = model.Set["ln_f.bias"].ToArray(), head = model.Set["wte.weight"].ToArray();
        float[] logits = session.Logits.ToArray();
        for (int v = 0; v < 37; v++)
        {
            double sum = 0;
            for (int i = v; i < contributions.Length; i += 37)
                sum += contributions[i];
            for (int c = 0; c < 20; c++)
                sum += shift[c] * head[v * 20 + c];
            Assert.That(sum, Is.EqualTo(logits[v]).Within(2e-5), $"token {v}");
        }
    }

    [Test]
    public void Heads_are_read_at_the_last_position_and_centred()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        DirectLogitAttribution lens = DirectLogitAttribution.Read(model, [3, 14, 15]);
        double sum = Enumerable.Range(0, 37).Sum(v => (double)lens.Toward(1, 2, v));
        Assert.That(sum, Is.EqualTo(0).Within(1e-5));
        IReadOnlyList<(int Token, float Logit)> top = lens.Top(1, 2, 37);
        Assert.That(top.Select(t => t.Logit), Is.Ordered.Descending);
        Assert.That(top[0].Logit, Is.EqualTo(lens.Toward(1, 2, top[0].Token)).And.GreaterThan(0));
        // Another last token, other contributions; the same prefix alone gives what it gives inside.
        Assert.That(DirectLogitAttribution.Read(model, [3, 14, 16]).Toward(1, 2, 5),
            Is.Not.EqualTo(lens.Toward(1, 2, 5)));
        Assert.That(() => lens.Toward(2, 0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_heads_result_is_divided_by_the_last_positions_scale()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        int[] prompt = [3, 14, 15, 9];
        Site result = new(SiteKind.Result, 1), scale = new(SiteKind.LnFinalScale);
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 4, Record = [result, scale], Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([prompt]));
        float[] scales = session.Recordings[scale].ToArray();
        Assert.That(scales[0], Is.Not.EqualTo(scales[3]).Within(0.01));
        float[] own = session.Recordings[result].ToArray()[((3 * 4 + 2) * 20)..][..20];
        float[] logits = DirectLogitAttribution.Unembed(model, own, scales[3]);
        DirectLogitAttribution read = DirectLogitAttribution.Read(model, prompt);
        float mean = logits.Average(), most = logits.Max(x => Math.Abs(x - mean));
        for (int v = 0; v < 37; v++)
            Assert.That(read.Toward(1, 2, v), Is.EqualTo(logits[v] - mean).Within(1e-4 * most));
    }

    static LanguageModel Random(ComputeDevice device)
    {
        var model = new LanguageModel(device, Config);
        model.Initialize(11);
        // Gains of one and shifts of zero would hide where they are used.
        var random = new SeededRandom(5);
        foreach (string name in (string[])["ln_f.weight", "ln_f.bias", "h.0.attn.c_proj.bias",
            "h.1.attn.c_proj.bias"])
        {
            float[] values = new float[20];
            random.FillNormal(values, 0.7f);
            model.Set[name].Upload(values);
        }
        return model;
    }
}
