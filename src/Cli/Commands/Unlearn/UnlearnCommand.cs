using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// <c>unlearn</c>: the verbs that measure which sequences a model recites, and make it forget them.
/// </summary>
static class UnlearnCommand
{
    internal static Command Create(GlobalOptions global)
        => new("unlearn", "Measure memorised sequences and edit weights until they are forgotten")
        {
            UnlearnDataCommand.Create(global), UnlearnTrainCommand.Create(global),
            UnlearnSecretsCommand.Create(global), UnlearnRelearnCommand.Create(global),
            UnlearnMeasureCommand.Create(global), UnlearnRunCommand.Create(global),
            UnlearnApplyCommand.Create(global), UnlearnSweepCommand.Create(global),
            UnlearnReportCommand.Create(global),
        };

    internal static Option<string> Word(string name, string absent, string description) => new(name)
    {
        Description = description, DefaultValueFactory = _ => absent,
    };
}
