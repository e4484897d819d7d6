using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>Gradients of a loss that depends on the values at one site.</summary>
public sealed class SiteBackwardTests
{
    static IEnumerable<Site> Sites => Site.All(TestModel.Small).Where(s => s.Kind
        is not (SiteKind.Scores or SiteKind.Pattern or SiteKind.Ln1Scale or SiteKind.Ln2Scale
            or SiteKind.LnFinalScale));

    // The other way to the same gradients: a loss of scale 0, and an edit that puts the gradient in its
    // place.
    [TestCaseSource(nameof(Sites))]
    public void A_backward_pass_from_a_site_has_the_bits_of_one_with_that_gradient_put_in(Site site)
    {
        using var run = new SiteRun(site);
        run.Session.Forward(run.Batch);
        float[] given = Numbers.Normal(5, run.Session.Recordings[site].ToArray().Length);
        run.Session.Backward(site, given, run.Gradients);
        float[] found = run.Take(), recorded = run.Session.SiteGradients[site].ToArray();

        using (run.Test.Model.Attach(Edit.Call(site, _ => { }, at =>
        {
            for (int r = 0; r < at.Rows.Count; r++)
                given.AsSpan((at.Rows[r].BatchRow * run.Batch.T + at.Rows[r].Position) * at.Width, at.Width)
                    .CopyTo(at.Values.AsSpan(r * at.Width));
        })))
            run.Session.ForwardBackward(run.Batch, run.Batch.NextTokens(), run.Gradients, 0f);
        Assert.That(run.Take(), Is.EqualTo(found));
        int width = given.Length / (run.Batch.B * run.Batch.T);
        for (int b = 0; b < run.Batch.B; b++)
            for (int i = 0; i < run.Batch.T * width; i++)
                Assert.That(recorded[b * run.Batch.T * width + i], Is.EqualTo(
                    i / width < run.Batch.Lengths[b] ? given[b * run.Batch.T * width + i] : 0),
                        "padding is 0");
    }

    [Test]
    public void Gradients_of_two_calls_add_up_and_nothing_above_the_site_moves()
    {
        using var run = new SiteRun(Site.ResidPost(0));
        run.Session.Forward(run.Batch);
        float[] given = Numbers.Normal(6, run.Session.Recordings[Site.ResidPost(0)].ToArray().Length);
        run.Session.Backward(Site.ResidPost(0), given, run.Gradients);
        float[] once = run.Gradients.Set.Blocks[0].ToArray();
        run.Session.Backward(Site.ResidPost(0), given, run.Gradients);
        float[] twice = run.Gradients.Set.Blocks[0].ToArray();
        Assert.That(twice.Zip(once, (b, a) => b - 2 * a).Max(MathF.Abs),
            Is.LessThan(1e-5 * once.Max(MathF.Abs)));
        foreach (ParameterSlice slice in run.Gradients.Set.Included)
            Assert.That(run.Gradients.Set[slice.Name].ToArray().Any(g => g != 0), Is.EqualTo(
                slice.Layer == 0 || slice.Role is Role.TokenEmbedding or Role.PositionEmbedding), slice.Name);
    }

    [Test]
    public void What_it_needs_is_said()
    {
        using var run = new SiteRun(Site.Z(1));
        float[] z = new float[run.Batch.B * run.Batch.T * TestModel.Small.Width];
        Assert.That(() => run.Session.Backward(Site.Z(1), z, run.Gradients),
            Throws.InvalidOperationException, "no pass yet");
        run.Session.Forward(run.Batch);
        foreach (Site none in (Site[])[Site.Pattern(0), Site.Scores(0), Site.Ln1Scale(0), Site.Z(2)])
            Assert.That(() => run.Session.Backward(none, z, run.Gradients), Throws.ArgumentException,
                none.Name);
        Assert.That(() => run.Session.Backward(Site.Z(1), z.AsSpan(1), run.Gradients),
            Throws.ArgumentException);
        run.Session.TokenLosses(run.Batch, run.Batch.NextTokens());
        Assert.That(() => run.Session.Backward(Site.Z(1), z, run.Gradients),
            Throws.InvalidOperationException);
        using var forward = new ModelSession(run.Test.Model,
            new SessionOptions { MaxRows = 2, MaxTokens = 7 });
        forward.Forward(run.Batch);
        Assert.That(() => forward.Backward(Site.Z(1), z, run.Gradients), Throws.InvalidOperationException);
    }

    sealed class SiteRun : IDisposable
    {
        public SiteRun(Site site)
        {
            Batch = new SequenceBatch(Test.Tokens(1, 7), Test.Tokens(2, 4));
            Gradients = ParameterGradients.Create(Test.Model);
            Session = new ModelSession(Test.Model, new SessionOptions
            {
                MaxRows = 2, MaxTokens = 7, Backward = true, Record = [site], RecordGradients = [site],
            });
        }

        public TestModel Test { get; } = new("cpu512");

        public SequenceBatch Batch { get; }

        public ParameterGradients Gradients { get; }

        public ModelSession Session { get; }

        /// <summary>The gradients, which are zero again then.</summary>
        public float[] Take()
        {
            float[] all = Gradients.Set.Blocks[0].ToArray();
            Gradients.Clear(Test.Model.Ops);
            return all;
        }

        public void Dispose()
        {
            Session.Dispose();
            Gradients.Dispose();
            Test.Dispose();
        }
    }
}
