using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

public class ResumedPassTests
{
    static readonly ModelConfig Three = TestModel.Small with { Layers = 3 };

    [Test, Combinatorial]
    public void The_rest_of_a_pass_has_the_bits_of_the_whole(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values(0, 1, 2)] int layer, [Values] bool behindAttention, [Values] bool neox)
    {
        using var test = new TestModel(device, neox ? TestModel.NeoX with { Layers = 3 } : Three);
        var rows = new SequenceBatch([test.Tokens(1, 6), test.Tokens(2, 3)]);
        Site pre = new(SiteKind.ResidPre, layer), attention = new(SiteKind.AttnOut, layer),
            last = new(SiteKind.ResidPost, 2);
        using var session = Session(test, [pre, attention, last]);
        session.Forward(rows);
        float[] logits = session.Logits.ToArray(), after = session.Recordings[last].ToArray();
        var from = new ResumePoint(layer, session.Recordings[pre].ToArray(),
            behindAttention ? session.Recordings[attention].ToArray() : null);
        session.Forward(new SequenceBatch([test.Tokens(4, 6), test.Tokens(5, 6)])); // other values everywhere
        session.ForwardFrom(rows, from);
        Assert.That(session.Logits.ToArray(), Is.EqualTo(logits));
        Assert.That(session.Recordings[last].ToArray(), Is.EqualTo(after));
    }

    [Test, Combinatorial]
    public void Its_losses_are_those_of_the_whole_also_from_behind_the_last_block(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device, [Values(1, 3)] int layer)
    {
        using var test = new TestModel(device, Three);
        var rows = new SequenceBatch([test.Tokens(1, 6), test.Tokens(2, 3)]);
        Site stream = layer < 3 ? new(SiteKind.ResidPre, layer) : new(SiteKind.ResidPost, 2);
        using var session = Session(test, [stream]);
        float[] losses = session.TokenLosses(rows, rows.NextTokens());
        var from = new ResumePoint(layer, session.Recordings[stream].ToArray());
        session.Forward(new SequenceBatch([test.Tokens(4, 6), test.Tokens(5, 6)])); // other values everywhere
        Assert.That(session.TokenLossesFrom(rows, rows.NextTokens(), from), Is.EqualTo(losses));
        Assert.That(losses.Count(loss => loss > 0), Is.EqualTo(7));
        Assert.That(() => session.ForwardFrom(rows, new ResumePoint(3, from.Stream, from.Stream)),
            Throws.ArgumentException);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void One_text_goes_on_in_every_row_with_an_edit_of_its_own(string device)
    {
        using var test = new TestModel(device, Three);
        int[] text = test.Tokens(1, 5);
        Site pre = new(SiteKind.ResidPre, 1), attention = new(SiteKind.AttnOut, 1);
        using var session = Session(test, [pre, attention]);
        session.Forward(new SequenceBatch([text]));
        var from = new ResumePoint(
            1, session.Recordings[pre].ToArray(), session.Recordings[attention].ToArray());
        Edit Strong(float alpha, int? row) => new()
        {
            Site = attention.Name, Operation = EditOperation.Add, Alpha = alpha,
            Value = EditValue.Unembed(3, 8), Rows = row is { } r ? [r] : null,
        };
        float[] strengths = [0.5f, -2f, 7f];
        float[] together;
        var three = new SequenceBatch([text, text, text]);
        using (test.Model.Attach(strengths.Select((s, b) => Strong(s, b))))
        {
            session.ForwardFrom(three, from);
            together = session.Logits.ToArray();
        }
        int V = test.Model.Config.VocabSize;
        for (int b = 0; b < 3; b++)
            using (test.Model.Attach(Strong(strengths[b], null)))
            {
                session.Forward(new SequenceBatch([text]));
                Assert.That(session.Logits.ToArray(), Is.EqualTo(together[(b * V)..((b + 1) * V)]), $"{b}");
            }
    }

    [Test]
    public void Edits_below_and_values_of_another_size_are_refused()
    {
        using var test = new TestModel("cpu512", Three);
        using var session = Session(test, []);
        var rows = new SequenceBatch([test.Tokens(1, 4)]);
        float[] x = new float[4 * 20];
        foreach (string site in (string[])["blocks.0.hook_resid_post", "blocks.1.hook_resid_pre"])
            using (test.Model.Attach(new Edit { Site = site, Operation = EditOperation.Zero }))
                Assert.That(() => session.ForwardFrom(rows, new ResumePoint(1, x, x)),
                    Throws.InvalidOperationException.With.Message.Contains(site));
        using (test.Model.Attach(new Edit
        {
            Site = "blocks.1.hook_resid_pre", Operation = EditOperation.Zero,
        }))
            Assert.That(() => session.ForwardFrom(rows, new ResumePoint(1, x)), Throws.Nothing);
        Assert.That(() => session.ForwardFrom(rows, new ResumePoint(1, x[1..])), Throws.ArgumentException);
        Assert.That(() => session.ForwardFrom(rows, new ResumePoint(1, x, x[1..])), Throws.ArgumentException);
        Assert.That(() => session.ForwardFrom(rows, new ResumePoint(4, x)), Throws.ArgumentException);
    }

    static ModelSession Session(TestModel test, Site[] record) => new(test.Model, new SessionOptions
    {
        MaxRows = 3, MaxTokens = 6, Logits = LogitsAt.Last, Record = record,
    });
}
