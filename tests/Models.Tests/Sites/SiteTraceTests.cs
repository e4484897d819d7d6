namespace HeadTap.Models.Tests;

/// <summary>What goes to files: zero where a row has no token, whatever the pass left there.</summary>
public class SiteTraceTests
{
    [Test]
    public void Padding_is_zero_at_every_site_and_the_rest_is_as_recorded()
    {
        using var test = new TestModel("cpu512"); // its biases are not zero, so padding holds numbers
        IReadOnlyList<Site> sites = [.. Site.All(test.Model.Config)];
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 2, MaxTokens = 5, Record = sites,
        });
        var rows = new SequenceBatch(test.Tokens(1, 5), test.Tokens(2, 2));
        session.Forward(rows);
        var trace = new SiteTrace(rows, session.Recordings, sites);
        int cleared = 0;
        foreach (Site site in sites)
        {
            float[] values = trace.Values(site), recorded = session.Recordings[site].ToArray();
            int[] shape = trace.Shape(site);
            bool perHead = site.Kind is SiteKind.Scores or SiteKind.Pattern;
            int width = perHead ? shape[3] : values.Length / (2 * 5);
            for (int row = 0; row < values.Length / width; row++)
            {
                (int t, int b) = (row % 5, row / 5 / (perHead ? shape[1] : 1));
                float[] found = values[(row * width)..((row + 1) * width)];
                float[] before = recorded[(row * width)..((row + 1) * width)];
                Assert.That(found, t < rows.Lengths[b] ? Is.EqualTo(before) : Is.All.Zero,
                    $"{site}, {b}, {t}");
                cleared += t >= rows.Lengths[b] && before.Any(v => v != 0) ? 1 : 0;
            }
        }
        Assert.That(cleared, Is.GreaterThan(0), "nothing had to be cleared, so nothing was tested");
    }
}
