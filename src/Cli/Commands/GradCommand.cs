using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>grad</c>: the loss of a batch and its gradient.</summary>
static class GradCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        Option<string> output = new("--out")
        {
            Description = "a .safetensors file", HelpName = "F.safetensors", Required = true,
        };
        Option<string?> edit = TraceCommand.EditOption();
        Option<string?> sites = new("--sites")
        {
            Description = "also the gradients at these sites, globs with commas between them",
            HelpName = "GLOB[,GLOB]",
        };
        var command = new Command("grad",
            "Mean next-token cross-entropy of the prompts and its gradient for every parameter");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[output, edit, sites])
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            Prompt input = prompt.Read(parsed);
            IReadOnlyList<Site> recorded = parsed.GetValue(sites) is { } globs
                ? Site.MatchAll(globs.Split(','), input.Config) : [];
            string path = parsed.GetValue(output)!;
            if (SiteTrace.IsNpy(path))
                throw new UserException($"{path}: .npy holds one tensor; name a .safetensors file");
            IReadOnlyList<Edit> edits = TraceCommand.ReadEdits(parsed.GetValue(edit), input);
            OutputFile.Require(path);
            return Run(run, input, path, edits, recorded);
        });
        return command;
    }

    static int Run(Invocation run, Prompt prompt, string path, IReadOnlyList<Edit> edits,
        IReadOnlyList<Site> sites)
    {
        int[] targets = prompt.Rows.NextTokens();
        int counted = targets.Count(t => t >= 0);
        if (counted == 0)
            throw new UserException("no token has a successor; expected a prompt of at least two tokens");
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder);
        LanguageModel model = loaded.Model;
        using IDisposable attached = model.Attach(edits);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = prompt.Rows.B, MaxTokens = prompt.Rows.T, Backward = true, RecordGradients = sites,
        });
        using var gradients = ParameterGradients.Create(model);
        (double sum, int count) = session.ForwardBackward(prompt.Rows, targets, gradients, 1f / counted);
        run.Cancel.ThrowIfCancellationRequested();
        double loss = sum / count;
        Write(path, prompt, edits, device, gradients,
            new SiteTrace(prompt.Rows, session.SiteGradients, sites), loss, count);
        if (run.Json)
            run.WriteJson(new JsonObject { ["loss"] = loss, ["tokens"] = count, ["out"] = path });
        else
            run.Line(string.Create(CultureInfo.InvariantCulture, $"loss {loss:R}"));
        return ExitCode.Done;
    }

    static void Write(string path, Prompt prompt, IReadOnlyList<Edit> edits, ComputeDevice device,
        ParameterGradients gradients, SiteTrace sites, double loss, int count)
    {
        var manifest = new Manifest
        {
            Command = "grad",
            Options = new JsonObject
            {
                ["model"] = prompt.Folder,
                ["bos"] = prompt.Bos,
                ["edit"] = EditSpec.ToJson(edits),
                ["loss"] = loss,
                ["tokens"] = count,
            },
            ModelHash = ModelFolder.Hash(prompt.Folder),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
        var writer = new SafetensorsWriter();
        SiteTrace.Describe(writer, manifest);
        foreach (ParameterSlice slice in gradients.Set.Included)
            writer.Add(slice.Name, slice.Shape, (start, piece) =>
                gradients.Set[slice.Name].Slice(slice.Name, start, piece.Length).Download(piece));
        sites.AddTo(writer);
        writer.Save(path);
        manifest.WriteBeside(path);
    }
}
