using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Whether what lenses say about heads agrees with what heads do.</summary>
public sealed class AgreementCheckTests
{
    static readonly int[][] Rows = [[3, 14, 15, 9, 2], [6, 5, 3], [], [1, 30, 36, 4, 11, 8, 20], [7, 7]];

    [Test]
    public void Equal_orders_agree_and_opposite_ones_do_not()
    {
        // Each prompt's heads are in the order of their effects, and the prompts' levels are opposite.
        double[][] changes = [[-3, -2, -1], [-30, -20, -10]];
        FavourAgreement found = FavourAgreement.Of(new("a", [[50, 40, 30], [3, 2, 1]]), changes, 1);
        Assert.That(found.ByPrompt, Is.EqualTo(1).Within(1e-12));
        Assert.That(found.Rank, Is.LessThan(0));
        Assert.That(found.Change, Is.EqualTo(-16.5), "the first head of each prompt");
        found = FavourAgreement.Of(new("b", [[1, 2, 3], [10, 20, 30]]), changes, 1);
        Assert.That(found.ByPrompt, Is.EqualTo(-1).Within(1e-12));
        Assert.That(found.Change, Is.EqualTo(-5.5));
        found = FavourAgreement.Of(new("c", [[3, 2, 1], [30, 20, 10]]), changes, 1);
        Assert.That(found.Rank, Is.EqualTo(1).Within(1e-12));
        found = FavourAgreement.Of(new("d", [[1, 1, 1], [3, 2, 1]]), changes, 1);
        Assert.That(found.ByPrompt, Is.EqualTo(1).Within(1e-12), "a prompt without an order is left out");
        Assert.That(() => FavourAgreement.Of(new("e", [[1, 2, 3]]), changes, 1), Throws.ArgumentException);
        Assert.That(() => FavourAgreement.Of(new("f", [[1, 2, 3], [1, 2]]), changes, 1),
            Throws.ArgumentException);
    }

    [TestCase(false), TestCase(true)]
    public void Effects_are_those_of_single_runs_and_favours_those_of_readings(bool toMean)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LanguageModel model = test.Model;
        LensSource source = LensEvaluationTests.Source(model, folder, LensKind.Thin);
        IReadOnlyList<FavourAgreement> found = AgreementCheck.Run(model, [("lens", source)], [0, 1], Rows,
            new AblationOptions { Prompts = 3, ToMean = toMean, Seed = 5 });
        Assert.That(found.Select(f => f.By), Is.EqualTo((string[])["lens", "direct attribution"]));
        int H = model.Config.Heads;
        int[][] prompts = [Rows[0], Rows[1], Rows[3]];
        LensReadings read = LensReadings.OfLastTokens(model, source,
            new LensRequest([0, 1], [.. Enumerable.Range(0, H)], Top: 1), prompts);
        var changes = new double[3][];
        var direct = new double[3][];
        var favours = new double[3][];
        for (int p = 0; p < 3; p++)
        {
            int answer = read.Model[p][0].Id;
            double whole = LogP(model, prompts[p], answer, []);
            DirectLogitAttribution parts = DirectLogitAttribution.Read(model, prompts[p]);
            changes[p] = new double[2 * H];
            (direct[p], favours[p]) = (new double[2 * H], new double[2 * H]);
            for (int l = 0; l < 2; l++)
                for (int h = 0; h < H; h++)
                {
                    changes[p][l * H + h] = LogP(model, prompts[p], answer, [new Edit
                    {
                        Site = Site.Result(l), Head = h,
                        Operation = toMean ? EditOperation.Mean : EditOperation.Zero,
                    }]) - whole;
                    direct[p][l * H + h] = parts.Toward(l, h, answer);
                    favours[p][l * H + h] = read.Learned[l].Heads[h].Words[p].CenteredLogit;
                }
        }
        foreach ((FavourAgreement of, double[][] said) in found.Zip((double[][][])[favours, direct]))
        {
            Assert.That(of.Rank, Is.EqualTo(Correlation.Spearman([.. said.SelectMany(f => f)],
                [.. changes.SelectMany(c => c.Select(change => -change))])).Within(1e-9));
            Assert.That(of.ByPrompt, Is.EqualTo(Enumerable.Range(0, 3).Average(p => Correlation.Spearman(
                said[p], [.. changes[p].Select(change => -change)]))).Within(1e-9));
            Assert.That(of.RankInterval.Low, Is.LessThan(of.RankInterval.High));
            Assert.That(of.Change, Is.EqualTo(Enumerable.Range(0, 3).Average(p
                => changes[p][said[p].Index().MaxBy(f => f.Item).Index])).Within(1e-5).And.Not.Zero);
        }
    }

    [Test]
    public void Each_of_two_lenses_has_the_agreement_that_it_has_alone()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LanguageModel model = test.Model;
        (string By, LensSource Source)[] lenses =
        [
            ("thin", LensEvaluationTests.Source(model, folder, LensKind.Thin)),
            ("logit", LensSource.Find(LensSource.Logit, model.Config, "")),
        ];
        var options = new AblationOptions { Prompts = 3, Seed = 5 };
        IReadOnlyList<FavourAgreement> both = AgreementCheck.Run(model, lenses, [0, 1], Rows, options);
        for (int i = 0; i < 2; i++)
        {
            FavourAgreement alone = AgreementCheck.Run(model, [lenses[i]], [0, 1], Rows, options)[0];
            Assert.That((both[i].By, both[i].Rank, both[i].Change),
                Is.EqualTo((lenses[i].By, alone.Rank, alone.Change)));
        }
        Assert.That(both[0].Rank, Is.Not.EqualTo(both[1].Rank), "a positive control");
    }

    // Lenses that read other streams share one pass of the prompts.
    [Test]
    public void Lenses_read_together_say_what_each_says_alone()
    {
        using var test = new TestModel("cpu512");
        LanguageModel model = test.Model;
        using TemporaryFolder thin = new(), residual = new(), head = new();
        LensSource[] sources = [LensEvaluationTests.Source(model, thin, LensKind.Thin),
            LensEvaluationTests.Source(model, residual, LensKind.Residual),
            LensEvaluationTests.Source(model, head, LensKind.Head),
            LensSource.Find(LensSource.Logit, model.Config, "")];
        int[][] prompts = [Rows[0], Rows[1], Rows[3]];
        var request = new LensRequest([0, 1], [1, 2], Top: 3);
        IReadOnlyList<LensReadings> together = LensReadings.OfLastTokens(model, sources, request, prompts);
        foreach ((LensSource source, LensReadings read) in sources.Zip(together))
        {
            LensReadings alone = LensReadings.OfLastTokens(model, source, request, prompts);
            Assert.That(Said(read), Is.EqualTo(Said(alone)), $"{source.Options.Kind}");
        }
        Assert.That(Said(together[0]), Is.Not.EqualTo(Said(together[2])), "a positive control");

        static double[] Said(LensReadings read) =>
            [.. read.Model.SelectMany(w => w).Select(t => t.Probability),
            .. read.Learned.Concat(read.Baseline).SelectMany(l => l.Heads.SelectMany(h => h.Words)
                .Concat(l.Whole)).SelectMany(w => w.Top.Select(t => (double)t.Logit)
                    .Append(w.CenteredLogit))];
    }

    static double LogP(LanguageModel model, int[] prompt, int token, IReadOnlyList<Edit> edits)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = prompt.Length, Logits = LogitsAt.Last,
        });
        using IDisposable scope = model.Attach(edits);
        session.Forward(new SequenceBatch([prompt]));
        float[] logits = session.Logits.ToArray();
        return logits[token] - Math.Log(logits.Sum(v => Math.Exp(v)));
    }
}
