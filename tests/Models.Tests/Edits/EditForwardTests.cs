using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

public class EditForwardTests
{
    [Test, Combinatorial]
    public void Every_site_after_an_edit_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))] string device,
        [ValueSource(typeof(EditCases), nameof(EditCases.Operations))] EditOperation operation)
    {
        using var run = new EditedRun(device);
        int n = 0;
        foreach (Site site in EditCases.Sites(run.Test.Model.Config, device, operation))
            foreach (Edit edit in EditCases.All(operation, site, run.Test.Model.Config, 3, 5))
                // launches cost more than arithmetic
                if (device == "cpu512" || n++ % 4 == 3 - (int)site.Kind % 4)
                    run.RequireAgreement(edit);
    }

    [Test]
    public void Edits_at_many_sites_are_applied_in_the_order_of_attachment()
    {
        using var run = new EditedRun("cpu512");
        float[] value = Numbers.Normal(1, 20);
        run.RequireAgreement(
            new Edit
            {
                Site = "blocks.0.hook_resid_post", Operation = EditOperation.Add,
                Value = EditValue.Numbers(value),
            },
            new Edit { Site = "blocks.*.hook_resid_pre", Operation = EditOperation.Scale, Alpha = 0.3f },
            new Edit
            {
                Site = "blocks.1.hook_resid_pre", Operation = EditOperation.Add,
                Value = EditValue.Unembed(3, 9, 3),
            },
            new Edit
            {
                Site = "blocks.1.hook_resid_pre", Operation = EditOperation.Scale, Alpha = 2f, Rows = [1],
            },
            new Edit
            {
                Site = "h.*.mlp", Operation = EditOperation.Add, Value = EditValue.Embed(5), Alpha = -0.5f,
            },
            new Edit { Site = "blocks.*.attn.hook_pattern", Operation = EditOperation.Scale,
                Alpha = 0.9f, Head = 1 });
    }

    [Test]
    public void A_recording_made_by_another_session_can_be_patched_in([Values] bool oneRow)
    {
        using var run = new EditedRun("cpu512");
        int[][] others = [.. Enumerable.Range(0, oneRow ? 1 : 3).Select(b => run.Test.Tokens(50 + b, 5))];
        foreach (Site site in EditCases.Sites(run.Test.Model.Config))
        {
            using var session = new ModelSession(run.Test.Model, new SessionOptions
            {
                MaxRows = 3, MaxTokens = 5, Record = [site],
            });
            session.Forward(new SequenceBatch(others));
            Recording other = session.Recordings[site];
            var value = EditValue.Recorded(other.ToArray(), other.Shape);
            run.RequireAgreement(new Edit
            {
                Site = site.Name, Operation = EditOperation.Patch, Value = value,
            });
        }
    }

    [TestCaseSource(typeof(EditCases), nameof(EditCases.Operations))]
    public void Padding_is_never_touched(EditOperation operation)
    {
        using var run = new EditedRun("cpu512");
        Dictionary<Site, Recording> before = run.Forward();
        Dictionary<Site, float[]> plain = before.ToDictionary(p => p.Key, p => p.Value.ToArray());
        foreach (Site site in EditCases.Sites(run.Test.Model.Config).Where(s => EditCases.Fits(operation, s)))
            foreach ((Site other, Recording after) in run.Forward(
                EditCases.Of(operation, site, run.Test.Model.Config, 3, 5, oneHead: false)))
                Assert.That(EditedRun.Padding(after.ToArray(), after.Shape, other),
                    Is.EqualTo(EditedRun.Padding(plain[other], after.Shape, other)),
                    $"{operation} at {site}: {other}");
    }

    [Test]
    public void A_function_sees_where_it_is()
    {
        using var run = new EditedRun("cpu512");
        var seen = new List<EditContext>();
        Edit edit = Edit.Call("blocks.1.attn.hook_z", seen.Add) with
        {
            Head = 3, Positions = EditPositions.Last, Rows = [0, 2],
        };
        float[] z = run.Forward(edit)[new Site(SiteKind.Z, 1)].ToArray();
        EditContext context = seen.Single();
        Assert.That((context.Site, context.Step, context.Width), Is.EqualTo((new Site(SiteKind.Z, 1), 0, 5)));
        Assert.That(context.Rows, Is.EqualTo(new[] { new EditRow(0, 4, -1), new EditRow(2, 3, -1) }));
        float[] expected = [.. z.AsSpan((4 * 4 + 3) * 5, 5), .. z.AsSpan((((2 * 5) + 3) * 4 + 3) * 5, 5)];
        Assert.That(context.Values, Is.EqualTo(expected));
    }
}

/// <summary>Three rows of unequal length through a small model, every site recorded.</summary>
sealed class EditedRun : IDisposable
{
    static readonly int[] Lengths = [5, 1, 4];

    readonly int[][] _rows;
    readonly ModelSession _session;
    readonly Site[] _sites;

    public EditedRun(string device)
    {
        Test = new TestModel(device);
        _rows = [.. Lengths.Select((n, b) => Test.Tokens(b + 1, n))];
        _sites = [.. Site.All(Test.Model.Config)];
        _session = new ModelSession(Test.Model, new SessionOptions
        {
            MaxRows = 3, MaxTokens = 5, Record = _sites,
        });
    }

    public TestModel Test { get; }

    public Dictionary<Site, Recording> Forward(params Edit[] edits)
    {
        using (Test.Model.Attach(edits))
            _session.Forward(new SequenceBatch(_rows));
        return new(_session.Recordings);
    }

    public void RequireAgreement(params Edit[] edits)
    {
        var exact = new EditOracle<double>(Test, Test.Exact, _rows, edits);
        var plain = new EditOracle<float>(Test, Test.Plain, _rows, edits);
        Dictionary<Site, Recording> ours = Forward(edits);
        var parts = new List<(string, double[], float[], float[])>();
        for (int b = 0; b < _rows.Length; b++)
        {
            (Dictionary<string, double[]> e, Dictionary<string, float[]> p) =
                (exact.Forward(b), plain.Forward(b));
            foreach (Site site in _sites)
                parts.Add(($"{EditCases.Name(edits[^1])}: row {b} {site}",
                    Array.ConvertAll(e[site.Name], v => double.IsNegativeInfinity(v) ? -1 : v),
                    Finite(p[site.Name]),
                    Finite(TestModel.Row(ours[site], site, b, _rows[b].Length))));
        }
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    /// <summary>The values that belong to no token.</summary>
    public static float[] Padding(float[] values, int[] shape, Site site)
    {
        bool heads = site.Kind is SiteKind.Scores or SiteKind.Pattern;
        int T = heads ? shape[2] : shape[1], inner = values.Length / shape[0] / T / (heads ? shape[1] : 1);
        return [.. values.Where((_, i) => i / inner % T >= Lengths[i / (values.Length / shape[0])])];
    }

    static float[] Finite(float[] values)
        => Array.ConvertAll(values, v => float.IsNegativeInfinity(v) ? -1 : v);

    public void Dispose()
    {
        _session.Dispose();
        Test.Dispose();
    }
}
