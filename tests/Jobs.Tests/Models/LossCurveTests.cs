using System.Xml.Linq;
using HeadTap.Models;

namespace HeadTap.Jobs.Tests;

/// <summary>The picture of a training's losses, as XML.</summary>
public sealed class LossCurveTests
{
    [Test]
    public void It_has_named_axes_and_a_marked_series_for_each_loss()
    {
        XElement svg = Draw(5, step => 6.0 / step, step => step % 2 == 1 ? 7.0 / step : null);
        Assert.That(Of(svg, "text").Select(t => t.Value),
            Is.SupersetOf((string[])["steps", "loss, nats per token", "training", "validation"]));
        string[] curves = [.. Of(svg, "polyline").Select(c => (string)c.Attribute("points")!)];
        Assert.That(curves.Select(c => c.Split(' ').Length), Is.EqualTo((int[])[5, 3]));
        Assert.That(Of(svg, "path").Select(p => (string)p.Attribute("d")!).Distinct().Count(), Is.EqualTo(2),
            "a shape for each");
        Assert.That(svg.Value, Does.Contain("validation, 3: 2.3333"));
    }

    [Test]
    public void A_point_of_a_long_run_is_the_mean_of_equally_many_steps()
    {
        XElement svg = Draw(450, step => step % 3, _ => null);
        Assert.That(Of(svg, "text").Select(t => t.Value), Does.Contain("training, mean of 3 steps"));
        string[] heights = [.. ((string)Of(svg, "polyline").Single().Attribute("points")!).Split(' ')
            .Select(point => point.Split(',')[1]).Distinct()];
        Assert.That(heights, Has.Length.EqualTo(1));
    }

    [Test]
    public void A_run_without_a_step_has_an_empty_picture()
        => Assert.That(Of(Draw(0, _ => 0, _ => 0), "text").Select(t => t.Value), Does.Contain("steps"));

    [Test]
    public void A_sample_is_one_line_that_leaves_the_terminal_alone()
        => Assert.That(VisibleText.Line("a b\n\x1B[2J\tc"), Is.EqualTo("a b\\n\\x1B[2J\\tc"));

    static XElement Draw(int steps, Func<int, double> loss, Func<int, double?> validation)
        => XElement.Parse(LossCurve.Draw([.. Enumerable.Range(1, steps).Select(
            step => new TrainingRow(step, loss(step), 1e-3f, 1, 100 * step, 50, validation(step)))]));

    static IEnumerable<XElement> Of(XElement svg, string name)
        => svg.Descendants().Where(e => e.Name.LocalName == name);
}
