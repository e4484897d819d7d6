namespace HeadTap.Unlearn.Tests;

/// <summary>NPO's loss against its equation in float64, its gradient against differences.</summary>
public sealed class NegativePreferenceTests
{
    [Test]
    public void The_loss_is_its_equation()
    {
        using var c = new MethodCase();
        const double beta = 0.3;
        double[] reference = [.. c.Task.Forget.Select(r => c.RowSum(r, c.Exact))];
        using RowTrainer trainer = c.Trainer();
        using var loss = new NegativePreference.PreferenceLoss(trainer, c.Task.Forget, beta);
        Assert.That(loss.Add(c.Task.Forget, c.AllRows), Is.EqualTo(2 / beta * Math.Log(2)).Within(1e-6));
        trainer.Passes.Clear();
        Dictionary<string, double[]> at = c.Perturb(4);
        double Exact(Dictionary<string, double[]> weights) => c.Task.Forget.Select((r, i) =>
            2 / beta * Math.Log(1 + Math.Exp(beta * (reference[i] - c.RowSum(r, weights))))).Average();
        Assert.That(loss.Add(c.Task.Forget, c.AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
    }

    [Test]
    public void A_large_beta_does_not_overflow()
    {
        using var c = new MethodCase();
        using RowTrainer trainer = c.Trainer();
        using var loss = new NegativePreference.PreferenceLoss(trainer, c.Task.Forget, 1e4);
        c.Perturb(4);
        Assert.That(loss.Add(c.Task.Forget, c.AllRows), Is.InRange(0, 1000));
        Assert.That(trainer.Gradients.Set["wte.weight"].ToArray(), Is.All.Matches<float>(float.IsFinite));
    }
}
