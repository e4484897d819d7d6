using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens import</c>: a tuned lens that another program trained.</summary>
static class LensImportCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> tuned = new("--tuned")
        {
            Description = "parameters of a tuned lens: a translator for each layer, x + W x + b",
            HelpName = "F.safetensors", Required = true,
        };
        Option<string> output = new("--out")
        {
            Description = "the folder of the lens", HelpName = "DIR", Required = true,
        };
        var command = new Command(
            "import", "Write a tuned lens that another program trained as a lens folder")
        {
            model, tuned, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(tuned)!,
            parsed.GetValue(output)!));
        return command;
    }

    static int Run(Invocation run, string folder, string path, string output)
    {
        string hash = ModelFolder.Hash(folder);
        LensCommand.RequireFree(output);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        using LensSet lens = TunedLensImport.Read(loaded.Model, path);
        LensFolder.Save(output, TunedLensImport.Facts(lens, hash, path), lens, lens.Layers.ToHashSet());
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["out"] = output, ["kind"] = "tuned", ["layers"] = lens.Layers.Count,
            });
        else
            run.Line($"tuned, {lens.Layers.Count} layers: {output}");
        return ExitCode.Done;
    }
}
