using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class EditBackwardTests
{
    [Test, Combinatorial]
    public void Gradients_of_an_edited_run_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [ValueSource(typeof(EditCases), nameof(EditCases.Operations))] EditOperation operation)
    {
        using var run = new Backward(device);
        foreach (Site site in EditCases.Sites(run.Test.Model.Config, device, operation))
            foreach (Edit edit in EditCases.All(operation, site, run.Test.Model.Config, 3, 5)
                .Where((_, i) => device == "cpu512" || i == (int)site.Kind % 4))
                run.Add(edit);
        run.RequireAgreement();
    }

    [Test]
    public void Edits_at_many_sites_are_undone_in_reverse_order()
    {
        using var run = new Backward("cpu512");
        run.Add(
            new Edit
            {
                Site = "blocks.*.hook_resid_p*", Operation = EditOperation.Scale, Alpha = 0.7f, Rows = [0],
            },
            new Edit
            {
                Site = "blocks.1.hook_resid_pre", Operation = EditOperation.ProjectOut,
                Value = EditValue.Unembed(2, 7),
            },
            new Edit { Site = "blocks.*.attn.hook_z", Operation = EditOperation.Zero, Head = 2 },
            new Edit
            {
                Site = "blocks.*.attn.hook_result", Operation = EditOperation.Scale, Alpha = 1.5f, Head = 1,
            },
            new Edit { Site = "blocks.*.hook_attn_out", Operation = EditOperation.Scale, Alpha = -1f },
            EditOracle<float>.HalfSquare("blocks.0.mlp.hook_post"),
            new Edit { Site = "hook_*embed", Operation = EditOperation.Scale, Alpha = 1.2f });
        run.RequireAgreement();
    }

    // Directions that share a token are neither parallel nor at right angles: their projections do not
    // commute.
    [Test]
    public void Edits_of_one_site_that_do_not_commute_are_undone_last_first()
    {
        using var run = new Backward("cpu512");
        Edit Along(params int[] tokens) => new()
        {
            Site = "blocks.1.hook_resid_pre", Operation = EditOperation.ProjectOut,
            Value = EditValue.Unembed(tokens),
        };
        run.Add(Along(2, 7), Along(7, 11), Along(11, 30));
        run.RequireAgreement();
    }

    // Where nobody edits them, ReLU's gradient reads the sign of what the neurons give.
    [TestCase(EditOperation.Scale), TestCase(EditOperation.Add)]
    public void Edited_neurons_do_not_hide_what_relu_was_given(EditOperation operation)
    {
        using var run = new Backward("cpu512", TestModel.Small with { Activation = Activation.Relu });
        run.Add(new Edit
        {
            Site = "blocks.*.mlp.hook_post", Operation = operation, Alpha = -1f,
            Value = operation == EditOperation.Add ? EditValue.Numbers(Numbers.Normal(5, 28)) : null,
        });
        run.RequireAgreement();
    }

    [Test]
    public void A_function_without_a_derivative_lets_gradients_pass_unchanged()
    {
        using var run = new Backward("cpu512");
        float[] shift = Numbers.Normal(3, 20);
        Edit call = Edit.Call("blocks.1.hook_resid_pre", c =>
        {
            for (int i = 0; i < c.Values.Length; i++)
                c.Values[i] += shift[i % 20];
        });
        var add = new Edit
        {
            Site = "blocks.1.hook_resid_pre", Operation = EditOperation.Add, Value = EditValue.Numbers(shift),
        };
        Assert.That(run.Go(call), Is.EqualTo(run.Go(add)));
    }

    sealed class Backward : IDisposable
    {
        readonly int[][] _rows;
        readonly TensorArena _arena;
        readonly ParameterGradients _gradients;
        readonly List<(string, double[], float[], float[])> _parameters = [], _sites = [];

        public Backward(string device, ModelConfig? config = null)
        {
            Test = new TestModel(device, config);
            _rows = [Test.Tokens(1, 5), Test.Tokens(2, 2), Test.Tokens(3, 4)];
            _arena = new TensorArena(Test.Model.Device,
                ParameterGradients.Length(Test.Model.Parameters, null) + 64);
            _gradients = new ParameterGradients(_arena, Test.Model.Parameters);
        }

        public TestModel Test { get; }

        /// <summary>All that was added, by one yardstick: in one case a plain loop may be lucky.</summary>
        public void RequireAgreement()
        {
            Agreement.PassAtMostTwiceFloat32(_parameters);
            Agreement.PassAtMostTwiceFloat32(_sites);
        }

        public void Add(params Edit[] edits)
        {
            var exact = new EditOracle<double>(Test, Test.Exact, _rows, edits).Backward();
            var plain = new EditOracle<float>(Test, Test.Plain, _rows, edits).Backward();
            string name = EditCases.Name(edits[0]);
            Site[] sites = [.. Site.All(Test.Model.Config)
                .Where(s => s.Kind is not (SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale))];
            // Asking for a pattern's gradient takes another path through attention, so both are tried.
            foreach (Site[] recorded in (Site[][])[[], sites])
            {
                (float[] flat, Dictionary<string, float[]>[] bySite) = GoWithSites(recorded, edits);
                foreach (ParameterSlice p in Test.Model.Parameters.Slices)
                    _parameters.Add(($"{name}: {p.Name}", Numbers.PlusOne(exact.Parameters[p.Name]),
                        Numbers.PlusOne(plain.Parameters[p.Name]),
                        flat[(int)p.Offset..(int)(p.Offset + p.Length)]));
                foreach (Site site in recorded)
                    _sites.Add(($"{name}: {site}", Causal(site, exact.Sites), Causal(site, plain.Sites),
                        Causal(site, bySite)));
            }
        }

        public float[] Go(params Edit[] edits) => GoWithSites([], edits).Flat;

        (float[] Flat, Dictionary<string, float[]>[] Sites) GoWithSites(Site[] recorded, Edit[] edits)
        {
            using var session = new ModelSession(Test.Model, new SessionOptions
            {
                MaxRows = 3, MaxTokens = 5, Backward = true, RecordGradients = recorded,
            });
            foreach (Tensor block in _gradients.Set.Blocks)
                Test.Model.Ops.Fill(block, 1f); // gradients are added into
            var batch = new SequenceBatch(_rows);
            using (Test.Model.Attach(edits))
                session.ForwardBackward(batch, batch.NextTokens(), _gradients,
                    1f / _rows.Sum(r => r.Length - 1));
            return (_gradients.Set.Blocks[0].ToArray(), [.. _rows.Select((row, b) => recorded.ToDictionary(
                site => site.Name, site => TestModel.Row(session.SiteGradients[site], site, b,
                    row.Length)))]);
        }

        // Above the diagonal the oracle says what moving a pattern's zero would do; we say nothing there.
        T[] Causal<T>(Site site, Dictionary<string, T[]>[] rows) where T : struct =>
        [
            .. rows.SelectMany((row, b) => row[site.Name].Select((v, i) =>
                site.Kind is SiteKind.Scores or SiteKind.Pattern
                    && i % _rows[b].Length > i / _rows[b].Length % _rows[b].Length ? default : v)),
        ];

        public void Dispose()
        {
            _arena.Dispose();
            Test.Dispose();
        }
    }
}
