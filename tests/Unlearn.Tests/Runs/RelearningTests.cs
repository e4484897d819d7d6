using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class RelearningTests
{
    static readonly MemorisationOptions s_options = new(2, 3);

    [Test]
    public void Measured_are_the_start_powers_of_two_and_the_last_step_and_the_model_stays()
    {
        using var test = new MethodCase();
        Dictionary<string, float[]> before = test.Weights();
        IReadOnlyList<RelearnedAt> found = Run(test, 5, 3e-2f, 3);
        Assert.That(found.Select(f => f.Steps), Is.EqualTo([0, 1, 2, 4, 5]));
        Assert.That(test.Changed(before), Is.Empty);
        Assert.That(found[^1].Recited.Recitals.SelectMany(r => r.Written),
            Is.Not.EqualTo(found[0].Recited.Recitals.SelectMany(r => r.Written)), "the copy learns");
    }

    [Test]
    public void Nothing_to_do_is_refused()
    {
        using var test = new MethodCase();
        Assert.That(() => Run(test, 0, 1e-3f, 1),
            Throws.TypeOf<UserException>().With.Message.StartsWith("0 steps"));
        Assert.That(() => Relearning.Run(test.Model, Asked(test), [[1]], s_options, 1, 1e-3f, 1),
            Throws.TypeOf<UserException>().With.Message.StartsWith("there is no row of two tokens"));
    }

    static PlantedSequence[] Asked(MethodCase test)
        => [.. test.Task.Forget.Select(row => new PlantedSequence(row[..5]))];

    static IReadOnlyList<RelearnedAt> Run(MethodCase test, int steps, float rate, ulong seed)
        => Relearning.Run(test.Model, Asked(test), test.Task.Forget, s_options, steps, rate, seed);
}
