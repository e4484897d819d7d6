using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>inject</c>: the verbs that add memories while the model runs.</summary>
static class InjectCommand
{
    internal static Command Create(GlobalOptions global)
        => new("inject", "Add a memory to a layer while the model runs")
        {
            InjectDataCommand.Create(global), InjectRunCommand.Create(global),
            InjectCompareCommand.Create(global), InjectSweepCommand.Create(global),
            InjectEvaluateCommand.Create(global), InjectRandomCommand.Create(global),
            InjectSuggestCommand.Create(global),
        };

    /// <summary>Makes the option <c>--weights</c>: raw or transformer-lens.</summary>
    internal static Option<string> WeightsOption() => new("--weights")
    {
        Description = "raw or transformer-lens (LayerNorm folded, centred: the paper's)",
        DefaultValueFactory = _ => "raw",
    };
}
