using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Edits come and go: what was before is after, to the bit.</summary>
public class AttachmentTests
{
    [Test, Combinatorial]
    public void Logits_differ_inside_the_using_and_are_the_same_bits_after_it(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [ValueSource(typeof(EditCases), nameof(EditCases.Operations))] EditOperation operation)
    {
        using var test = new TestModel(device);
        using var session = Session(test);
        float[] before = Run(session);
        foreach (Site site in EditCases.Sites(test.Model.Config, device, operation)
            .Where(s => EditCases.Fits(operation, s)))
        {
            Edit edit = EditCases.Of(operation, site, test.Model.Config, 1, 6, oneHead: false);
            using (test.Model.Attach(edit))
                Assert.That(Run(session), Is.Not.EqualTo(before), $"{operation} at {site} did nothing");
            Assert.That(Run(session), Is.EqualTo(before), $"{operation} at {site} left something behind");
        }
        Assert.That(test.Model.Edits, Is.Empty);
    }

    [Test]
    public void Scopes_nest()
    {
        using var test = new TestModel("cpu512");
        using var session = Session(test);
        Edit a = Scale("blocks.0.hook_mlp_out", 3), b = Scale("blocks.1.attn.hook_z", -1);
        float[] none = Run(session), onlyA, onlyB;
        using (test.Model.Attach(a))
            onlyA = Run(session);
        using (test.Model.Attach(b))
            onlyB = Run(session);
        IDisposable outer = test.Model.Attach(a), inner = test.Model.Attach(b);
        Assert.That(test.Model.Edits, Is.EqualTo(new[] { a, b }));
        Assert.That(Run(session), Is.Not.EqualTo(onlyA).And.Not.EqualTo(onlyB));
        outer.Dispose(); // out of order, as a caller may
        Assert.That(Run(session), Is.EqualTo(onlyB));
        outer.Dispose(); // twice does nothing more
        Assert.That(Run(session), Is.EqualTo(onlyB));
        inner.Dispose();
        Assert.That(Run(session), Is.EqualTo(none));
    }

    [Test]
    public void One_edit_attached_twice_counts_twice()
    {
        using var test = new TestModel("cpu512");
        using var session = Session(test);
        Edit twice = Scale("hook_embed", 2);
        float[] four, both;
        using (test.Model.Attach(Scale("hook_embed", 4)))
            four = Run(session);
        using (test.Model.Attach(twice, twice))
            both = Run(session);
        Assert.That(both, Is.EqualTo(four));
        Assert.That(test.Model.Edits, Is.Empty);
    }

    [Test]
    public void Where_one_edit_does_not_fit_none_is_attached()
    {
        using var test = new TestModel("cpu512");
        BadInput.Refused(() => test.Model.Attach(Scale("hook_embed", 2), Scale("blocks.2.hook_mlp_out", 2)),
            "blocks.2.hook_mlp_out", "matches nothing", "blocks 0 to 1");
        Assert.That(test.Model.Edits, Is.Empty);
    }

    // Before any pass: a long job must not end where its edit is first met.
    [TestCase("hook_embed", null, 19), TestCase("hook_embed", null, 21), TestCase("hook_embed", null, 0)]
    [TestCase("blocks.1.attn.hook_z", null, 7), TestCase("blocks.1.attn.hook_z", 1, 19)]
    [TestCase("blocks.0.attn.hook_pattern", null, 13), TestCase("blocks.0.attn.hook_pattern", 2, 0)]
    [TestCase("hook_embed", null, 1, 6, 19), TestCase("hook_embed", null, 20, 6),
        TestCase("hook_embed", null, 0, 6, 20)]
    [TestCase("blocks.1.attn.hook_z", 1, 1, 6, 5, 4),
        TestCase("blocks.0.attn.hook_pattern", null, 1, 3, 6, 6)]
    public void A_value_of_the_wrong_size_is_refused_when_it_is_attached(string site,
        int? head, params int[] shape)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        float[] values = new float[shape.Aggregate(1, (a, n) => a * n)];
        var writer = new SafetensorsWriter();
        writer.Add("x", shape, values);
        writer.Save(folder["v.safetensors"]);
        foreach (EditValue value in (EditValue[])
            [EditValue.Recorded(values, shape), EditValue.File(folder["v.safetensors"], "x"),
                EditValue.Numbers(values)])
            foreach (EditOperation operation in (EditOperation[])[EditOperation.Replace, EditOperation.Patch])
            {
                if (value is InlineValue && shape.Length > 1)
                    continue;
                var edit = new Edit { Site = site, Operation = operation, Head = head, Value = value };
                BadInput.Refused(() => test.Model.Attach(edit), "its value has", site);
            }
        Assert.That(test.Model.Edits, Is.Empty);
    }

    [Test]
    public void What_is_no_value_is_refused_when_it_is_attached()
    {
        using var test = new TestModel("cpu512");
        var add = new Edit { Site = "hook_embed", Operation = EditOperation.Add };
        BadInput.Refused(() =>
            test.Model.Attach(add with { Value = EditValue.File("none.safetensors", "x") }), "no such file");
        BadInput.Refused(() => test.Model.Attach(add with { Value = EditValue.Unembed(37) }), "token 37");
        BadInput.Refused(() =>
            test.Model.Attach(add with { Value = EditValue.Recorded(new float[5], 1, 20) }),
            "5 numbers", "[1, 20]");
        BadInput.Refused(() => test.Model.Attach(add with
        {
            Operation = EditOperation.ProjectOut, Value = EditValue.Recorded(new float[40], 1, 2, 20),
        }), "one row of numbers");
        // A row for every place may come as a tensor of more axes.
        using (test.Model.Attach(add with { Value = EditValue.Recorded(new float[20], 1, 1, 20) }))
            Assert.That(test.Model.Edits, Has.Count.EqualTo(1));
    }

    [TestCase(2, 0, 1), TestCase(1, 1), TestCase(2, 5, 0)]
    public void A_row_beyond_the_batch_is_refused(int B, params int[] rows)
    {
        using var test = new TestModel("cpu512");
        using var session = new ModelSession(test.Model, new SessionOptions { MaxRows = 2, MaxTokens = 6 });
        var batch = new SequenceBatch([.. Enumerable.Range(0, B).Select(b => test.Tokens(b, 4))]);
        using (test.Model.Attach(Scale("hook_embed", 2) with { Rows = rows, Steps = [0, 7] }))
            if (rows.Max() < B)
                Assert.That(() => session.Forward(batch), Throws.Nothing);
            else
                BadInput.Refused(() => session.Forward(batch), "hook_embed",
                    $"row {rows.Max()} does not exist");
        // An edit of a later step says so in the first pass.
        using (test.Model.Attach(Scale("hook_embed", 2) with { Rows = [B], Steps = [7] }))
            BadInput.Refused(() => new Generator(test.Model)
                .Generate(batch, new GenerationOptions { MaxNewTokens = 1 }),
                $"row {B} does not exist", B == 1 ? "row 0 alone" : "rows 0 to 1");
    }

    [Test]
    public void An_edit_ends_with_its_using_when_the_run_throws()
    {
        using var test = new TestModel("cpu512");
        using var session = Session(test);
        float[] before = Run(session);
        Assert.That(() =>
        {
            using (test.Model.Attach(
                Edit.Call("blocks.1.attn.hook_z", _ => throw new NotSupportedException())))
                Run(session);
        }, Throws.TypeOf<NotSupportedException>());
        Assert.That(() =>
        {
            using (test.Model.Attach(new Edit
            {
                Site = "blocks.1.attn.hook_z", Operation = EditOperation.Zero, Rows = [1],
            }))
                Run(session);
        }, Throws.TypeOf<UserException>());
        Assert.That(Run(session), Is.EqualTo(before));
    }

    // Whoever asked for no logits, or for the last rows', may still meet an edit of logits.
    [TestCase(LogitsAt.None), TestCase(LogitsAt.Last), TestCase(LogitsAt.All)]
    public void Edited_logits_are_what_every_kind_of_session_gives(LogitsAt at)
    {
        using var test = new TestModel("cpu512");
        foreach (bool recorded in (bool[])[false, true])
        {
            using var session = new ModelSession(test.Model, new SessionOptions
            {
                MaxRows = 2, MaxTokens = 6, Logits = at, Record = recorded ? [new Site(SiteKind.Logits)] : [],
            });
            using (test.Model.Attach(Scale("logits", 2)))
                session.Forward(new SequenceBatch(test.Tokens(1, 6), test.Tokens(2, 3)));
            float[] all = Logits(test);
            if (recorded)
                Assert.That(session.Recordings[new Site(SiteKind.Logits)].ToArray(), Is.EqualTo(all));
            if (at == LogitsAt.All)
                Assert.That(session.Logits.ToArray(), Is.EqualTo(all));
            if (at == LogitsAt.Last)
                Assert.That(session.Logits.ToArray(),
                    Is.EqualTo(all[(5 * 37)..(6 * 37)].Concat(all[(8 * 37)..(9 * 37)])));
            if (at == LogitsAt.None)
                Assert.That(() => session.Logits, Throws.InvalidOperationException);
        }
    }

    static float[] Logits(TestModel test)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 2, MaxTokens = 6, Logits = LogitsAt.All,
        });
        session.Forward(new SequenceBatch(test.Tokens(1, 6), test.Tokens(2, 3)));
        float[] logits = session.Logits.ToArray();
        for (int i = 0; i < logits.Length; i++)
            if (i / 37 < 9) // what follows is padding
                logits[i] *= 2;
        return logits;
    }

    static Edit Scale(string site, float alpha)
        => new() { Site = site, Operation = EditOperation.Scale, Alpha = alpha };

    static ModelSession Session(TestModel test)
        => new(test.Model, new SessionOptions { MaxTokens = 6, Logits = LogitsAt.All });

    static float[] Run(ModelSession session)
    {
        session.Forward(new SequenceBatch([3, 14, 15, 9, 26, 5]));
        return session.Logits.ToArray();
    }
}
