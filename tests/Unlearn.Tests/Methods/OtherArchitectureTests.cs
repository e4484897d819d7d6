using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Unlearn.Tests;

/// <summary>Methods ask for roles: another architecture with the same numbers is edited to the same
/// bits.</summary>
public sealed class OtherArchitectureTests
{
    static IEnumerable<string> Names => MethodCatalog.All.Select(m => m.Name);

    [TestCaseSource(nameof(Names))]
    public void A_method_edits_another_architecture_as_it_edits_GPT2(string name)
        => Assert.That(Edited(name, OtherArchitecture.Value), Is.EqualTo(Edited(name, Gpt2.Architecture)));

    static float[][] Edited(string name, Architecture architecture)
    {
        using var c = new MethodCase(MethodCase.Relu with { TiedHead = false, Architecture = architecture });
        Dictionary<string, float[]> before = c.Weights();
        UnlearnTask task = c.Task with
        {
            Options = new MethodSettings
            {
                ["Epochs"] = 2, ["BatchRows"] = 2, ["Gradients"] = 4, ["Block"] = 5, ["PathSteps"] = 2,
            }.Of(MethodCatalog.Named(name)),
        };
        MethodCatalog.Named(name).Find(task, 0.5).Apply(c.Model, 0.5);
        Assert.That(c.Changed(before), Is.Not.Empty);
        return [.. c.Model.Parameters.Slices.Select(s => c.Model.Set[s.Role, s.Layer].ToArray())];
    }
}
