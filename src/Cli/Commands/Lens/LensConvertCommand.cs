using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens convert</c>: a head lens as a thin one, or a thin one as a head lens.</summary>
static class LensConvertCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> lens = new("--lens")
        {
            Description = "a folder that lens train wrote", HelpName = "DIR", Required = true,
        };
        Option<string> to = new("--to") { Description = "head or thin", HelpName = "KIND", Required = true };
        Option<string> output = new("--out")
        {
            Description = "the folder of the converted lens", HelpName = "DIR", Required = true,
        };
        var command = new Command("convert",
            "Write a head lens as a thin one, or a thin one as a head lens: the same logits for every head")
        {
            model, lens, to, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(lens)!,
            parsed.GetValue(to)!, parsed.GetValue(output)!));
        return command;
    }

    static int Run(Invocation run, string folder, string from, string to, string output)
    {
        LensKind kind = to switch
        {
            "head" => LensKind.Head,
            "thin" => LensKind.Thin,
            _ => throw new UserException($"--to is {Quoted.Name(to)}; expected head or thin"),
        };
        ModelConfig config = ModelFolder.ReadConfig(folder);
        string hash = ModelFolder.Hash(folder), file = Path.Combine(output, LensFolder.WeightsFile);
        LensMetadata facts = LensFolder.ReadFacts(from);
        LensFolder.RequireFor(from, facts, config, hash);
        LensCommand.RequireFree(output);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        using LensSet lens = LensFolder.Load(loaded.Model, hash, from, null, positions: 1);
        using LensSet made = LensConversion.To(lens, kind);
        run.Cancel.ThrowIfCancellationRequested();
        LensFolder.Save(output, facts with { Lens = made.Options }, made, made.Layers.ToHashSet(),
            LensFolder.Unigram(from) is { } counts ? [.. counts.Select(n => (long)n)] : null);
        long bytes = new FileInfo(file).Length;
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["out"] = output, ["kind"] = to, ["layers"] = made.Layers.Count, ["bytes"] = bytes,
            });
        else
            run.Line($"{LensText.Word(facts.Lens.Kind)} -> {to}, {made.Layers.Count} layers, "
                + $"{MemoryPlan.Text(bytes)}: {output}");
        return ExitCode.Done;
    }
}
