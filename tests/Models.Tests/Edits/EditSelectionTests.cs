using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>Lists of heads, single neurons, and the lengths that a value may have for them.</summary>
public class EditSelectionTests
{
    const int Unit = 5, Width = 20;

    static readonly EditOperation[] WithHeads = [.. EditCases.Operations
        .Where(o => o is not (EditOperation.Call or EditOperation.Swap))];

    [Test, Combinatorial]
    public void Heads_are_edits_of_one_head_each(
        [ValueSource(nameof(WithHeads))] EditOperation operation,
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device)
    {
        using var run = new EditedRun(device);
        foreach (SiteKind kind in device != "cpu512" ? (SiteKind[])[SiteKind.Z]
            // A mean of patterns is one over all chosen heads, as it is over all without a choice.
            : [SiteKind.Q, SiteKind.Z, SiteKind.Result,
                .. operation == EditOperation.Mean ? (SiteKind[])[] : [SiteKind.Pattern]])
        {
            var site = new Site(kind, 1);
            Edit all = EditCases.Of(operation, site, run.Test.Model.Config, 3, 5, oneHead: true) with
            {
                Positions = EditPositions.List([0, -1]),
            };
            float[] together = Logits(run, all with { Heads = [0, 2, 3] });
            Assert.That(together, Is.EqualTo(Logits(run,
                all with { Head = 0 }, all with { Head = 2 }, all with { Head = 3 })), $"{kind}");
            Assert.That(together, Is.Not.EqualTo(Logits(run)), $"{kind}");
            Assert.That(Logits(run, all with { Heads = [1] }),
                Is.EqualTo(Logits(run, all with { Head = 1 })));
        }
    }

    [Test]
    public void A_value_may_be_that_of_a_head_of_the_chosen_heads_or_of_the_whole_row()
    {
        using var run = new EditedRun("cpu512");
        float[] row = Numbers.Normal(3, Width);
        Edit Replace(IReadOnlyList<int> heads, params float[] value) => new()
        {
            Site = "blocks.1.attn.hook_z", Operation = EditOperation.Replace, Heads = heads,
            Value = EditValue.Numbers(value),
        };
        float[] z = Z(run, Replace([1, 3], row));
        Assert.That(z[Unit..(2 * Unit)], Is.EqualTo(row[Unit..(2 * Unit)]));
        Assert.That(z[(3 * Unit)..], Is.EqualTo(row[(3 * Unit)..]));
        float[] plain = Z(run);
        Assert.That(z[..Unit], Is.EqualTo(plain[..Unit]));
        Assert.That(Z(run, Replace([1, 3], [.. row[Unit..(2 * Unit)], .. row[(3 * Unit)..]])), Is.EqualTo(z));
        float[] same = Z(run, Replace([1, 3], row[..Unit]));
        Assert.That(same[Unit..(2 * Unit)], Is.EqualTo(row[..Unit]));
        Assert.That(same[(3 * Unit)..], Is.EqualTo(row[..Unit]));
        BadInput.Refused(() => run.Test.Model.Attach(Replace([1, 3], row[..7])), "7 numbers",
            "5 or 10 or 20");
    }

    [Test]
    public void One_head_takes_its_part_of_a_whole_row()
    {
        using var run = new EditedRun("cpu512");
        float[] row = Numbers.Normal(3, Width), plain = Z(run);
        foreach (EditOperation operation in (EditOperation[])[EditOperation.Replace, EditOperation.Add])
            for (int h = 0; h < 4; h++)
            {
                Edit edit = new()
                {
                    Site = "blocks.1.attn.hook_z", Operation = operation, Head = h,
                    Value = EditValue.Numbers(row),
                };
                float[] z = Z(run, edit), expected = [.. plain];
                for (int i = h * Unit; i < (h + 1) * Unit; i++)
                    expected[i] = operation == EditOperation.Add ? expected[i] + row[i] : row[i];
                Assert.That(z, Is.EqualTo(expected), $"{operation} head {h}");
                Assert.That(Z(run, edit with { Head = null, Heads = [h] }), Is.EqualTo(z));
                float[] own = row[(h * Unit)..((h + 1) * Unit)];
                Assert.That(Z(run, edit with { Value = EditValue.Numbers(own) }), Is.EqualTo(z));
            }
        BadInput.Refused(() => run.Test.Model.Attach(new Edit
        {
            Site = "blocks.1.attn.hook_z", Operation = EditOperation.Add, Head = 1,
            Value = EditValue.Unembed(3),
        }), "20 numbers", "needs 5");
    }

    [Test, Combinatorial]
    public void A_value_of_one_head_serves_all_heads_where_none_is_chosen(
        [Values(EditOperation.Add, EditOperation.Replace, EditOperation.ProjectOut)] EditOperation operation,
        [Values(SiteKind.Q, SiteKind.Z, SiteKind.Result)] SiteKind kind)
    {
        using var run = new EditedRun("cpu512");
        var site = new Site(kind, 1);
        int unit = SiteLayout.Of(kind, run.Test.Model.Config, 1, 1).Unit;
        var edit = new Edit
        {
            Site = site, Operation = operation, Value = EditValue.Numbers(Numbers.Normal(6, unit)),
        };
        float[] all = run.Forward(edit)[site].ToArray();
        Assert.That(all, Is.EqualTo(run.Forward(edit with { Heads = [0, 1, 2, 3] })[site].ToArray()));
        Assert.That(all, Is.Not.EqualTo(run.Forward()[site].ToArray()));
        BadInput.Refused(() => run.Test.Model.Attach(edit with { Value = EditValue.Numbers(1, 2, 3) }),
            "3 numbers", $"needs {unit} or {4 * unit}");
    }

    [TestCase(EditOperation.Add), TestCase(EditOperation.Replace), TestCase(EditOperation.Scale),
     TestCase(EditOperation.Zero), TestCase(EditOperation.Mean), TestCase(EditOperation.Patch)]
    public void Neurons_are_the_numbers_that_are_listed_and_no_others(EditOperation operation)
    {
        using var run = new EditedRun("cpu512");
        var site = new Site(SiteKind.MlpPost, 0);
        int inner = run.Test.Model.Config.Inner;
        int[] neurons = [0, 3, 4, 9, inner - 1];
        Edit whole = EditCases.Of(operation, site, run.Test.Model.Config, 3, 5, oneHead: false);
        float[] before = run.Forward()[site].ToArray(), after = run.Forward(whole)[site].ToArray(),
            some = run.Forward(whole with { Neurons = neurons })[site].ToArray();
        for (int i = 0; i < some.Length; i++)
            Assert.That(some[i], Is.EqualTo(neurons.Contains(i % inner) ? after[i] : before[i]), $"{i}");
        if (whole.Value is InlineValue { Values: var all })
            Assert.That(run.Forward(whole with
            {
                Neurons = neurons, Value = EditValue.Numbers([.. neurons.Select(n => all[n])]),
            })[site].ToArray(), Is.EqualTo(some), "as many numbers as neurons");
    }

    [Test]
    public void Neurons_of_a_head_count_within_it()
    {
        using var run = new EditedRun("cpu512");
        float[] before = Z(run), z = Z(run, new Edit
        {
            Site = "blocks.1.attn.hook_z", Operation = EditOperation.Replace, Heads = [1, 2],
            Neurons = [0, 4], Value = EditValue.Numbers(7, 8),
        });
        float[] expected = [.. before];
        (expected[Unit], expected[Unit + 4], expected[2 * Unit], expected[2 * Unit + 4]) = (7, 8, 7, 8);
        Assert.That(z, Is.EqualTo(expected));
    }

    [Test]
    public void Neurons_have_gradients_of_their_own()
    {
        using var test = new TestModel("cpu512");
        var site = new Site(SiteKind.MlpPost, 0);
        int[] neurons = [2, 3, 11];
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 1, MaxTokens = 5, Backward = true, RecordGradients = [new(SiteKind.MlpPre, 0)],
        });
        using ParameterGradients gradients = ParameterGradients.Create(test.Model);
        var rows = new SequenceBatch(test.Tokens(1, 5));
        using (test.Model.Attach(new Edit { Site = site, Operation = EditOperation.Zero, Neurons = neurons }))
            session.ForwardBackward(rows, rows.NextTokens(), gradients, 0.25f);
        float[] d = session.SiteGradients[new Site(SiteKind.MlpPre, 0)].ToArray();
        for (int i = 0; i < d.Length - 28; i++) // the last token predicts nothing
            Assert.That(d[i], neurons.Contains(i % 28) ? Is.Zero : Is.Not.Zero, $"{i}");
    }

    [Test]
    public void One_number_serves_every_place()
    {
        using var run = new EditedRun("cpu512");
        foreach (Site site in EditCases.Sites(run.Test.Model.Config))
        {
            var constant = new Edit
            {
                Site = site, Operation = EditOperation.Replace, Value = EditValue.Constant(0.25f),
            };
            int width = SiteLayout.Of(site.Kind, run.Test.Model.Config, 1, 5).Width;
            Assert.That(Logits(run, constant), Is.EqualTo(Logits(run, constant with
            {
                Value = EditValue.Numbers([.. Enumerable.Repeat(0.25f, width)]),
            })), $"{site}");
        }
        BadInput.Refused(() => run.Test.Model.Attach(new Edit
        {
            Site = "hook_embed", Operation = EditOperation.Patch, Value = EditValue.Constant(1),
        }), "shape []");
    }

    [TestCase("hook_embed", "heads", "[0]", "has no heads; leave heads out"),
     TestCase("blocks.0.attn.hook_z", "heads", "[0,4]", "head 4 does not exist"),
     TestCase("blocks.0.attn.hook_z", "heads", "[2,0]", "ascending order"),
     TestCase("blocks.0.attn.hook_z", "heads", "[1,1]", "ascending order"),
     TestCase("blocks.0.attn.hook_z", "heads", "[]", "ascending order"),
     TestCase("blocks.0.attn.hook_z", "head\":1,\"heads", "[0]", "expected one of them"),
     TestCase("blocks.0.attn.hook_z", "neurons", "[0]", "whose neurons"),
     TestCase("blocks.0.attn.hook_z", "head\":1,\"neurons", "[5]", "0 to 4"),
     TestCase("blocks.0.mlp.hook_post", "neurons", "[28]", "neuron 28 does not exist", "0 to 27"),
     TestCase("blocks.0.mlp.hook_post", "neurons", "[-1]", "from 0"),
     TestCase("blocks.0.mlp.hook_post", "neurons", "[]", "ascending order"),
     TestCase("blocks.0.attn.hook_pattern", "neurons", "[0]", "keys")]
    public void A_wrong_selection_is_refused_in_one_line(
        string site, string field, string list, params string[] words)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string path = folder.Write("spec.json",
            $$"""{"edits":[{"site":"{{site}}","op":"zero","{{field}}":{{list}}}]}""");
        BadInput.Refused(() => test.Model.Attach(EditSpec.Read(path)), words);
    }

    [Test]
    public void What_needs_whole_rows_takes_no_neurons()
    {
        using var test = new TestModel("cpu512");
        BadInput.Refused(() => test.Model.Attach(new Edit
        {
            Site = "blocks.0.mlp.hook_post", Operation = EditOperation.ProjectOut, Neurons = [1],
            Value = EditValue.Numbers(1),
        }), "project_out needs whole rows or heads; leave neurons out");
        BadInput.Refused(() => test.Model.Attach(Edit.Call("blocks.0.attn.hook_z", _ => { }) with
        {
            Heads = [0, 1],
        }), "leave heads and neurons out");
    }

    static float[] Logits(EditedRun run, params Edit[] edits)
        => run.Forward(edits)[new Site(SiteKind.Logits, 0)].ToArray();

    // The z of the first token of the first row in the second block.
    static float[] Z(EditedRun run, params Edit[] edits)
        => run.Forward(edits)[new Site(SiteKind.Z, 1)].ToArray()[..Width];
}
