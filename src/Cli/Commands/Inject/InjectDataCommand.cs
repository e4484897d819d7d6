using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>inject data</c>: writes pairs of prompts from the atlas.</summary>
static class InjectDataCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var file = new PathOption<string>("--out", PathUse.WritesFile)
        {
            Description = "where the pairs go, a line of JSON each", HelpName = "F.jsonl", Required = true,
        };
        Option<ulong> atlas = GlobalOptions.Number("--atlas-seed", ShippedModel.CorpusSeed,
            "the corpus whose held-out countries are asked about; 1 is the shipped model's");
        var command = new Command("data", "Write pairs of prompts: two-hop questions of the atlas that its "
            + "text never answers, in two splits by country")
        {
            file, atlas,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new InjectDataOptions
        {
            Out = parsed.GetValue(file)!, AtlasSeed = parsed.GetValue(atlas),
        }));
        return command;
    }

    static int Run(Invocation run, InjectDataOptions options)
    {
        InjectDataResult result = run.RunJob(context => InjectDataJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, InjectJobsJson.Default.InjectDataResult);
        foreach ((string split, PairSplit found) in result.Splits)
            run.Line($"{split,-11} {found.Pairs,4} pairs about {found.Countries} countries");
        run.Line($"written: {result.Out}");
        return ExitCode.Done;
    }
}
