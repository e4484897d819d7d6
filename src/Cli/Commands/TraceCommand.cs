using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>trace</c>: a forward pass, and what it computed at the sites asked for.</summary>
static class TraceCommand
{
    sealed record Options(IReadOnlyList<Site> Sites, string? Out, IReadOnlyList<Edit> Edits, bool Processed);

    internal static Command Create(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        Option<string?> sites = new("--sites")
        {
            Description = "sites to record, globs with commas between them, like blocks.*.attn.hook_z; "
                + "without it a table of all steps is printed",
            HelpName = "GLOB[,GLOB]",
        };
        Option<string?> output = new("--out")
        {
            Description = "a .safetensors file, or .npy for one site", HelpName = "F.safetensors",
        };
        Option<string?> edit = EditOption();
        Option<bool> processed = ProcessedOption();
        var command = new Command("trace", "Run a model and write what it computed at any site");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[sites, output, edit, processed])
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            string? file = parsed.GetValue(output), globs = parsed.GetValue(sites);
            if (file is null != globs is null)
                throw new UserException(globs is null
                    ? "--out without --sites; expected both, or neither for the table of steps"
                    : "--sites without --out; expected a file to write to, like --out trace.safetensors");
            Prompt input = prompt.Read(parsed);
            IReadOnlyList<Site> recorded = globs is null ? Steps(input.Config)
                : Site.MatchAll(globs.Split(','), input.Config);
            var options = new Options(recorded, file, ReadEdits(parsed.GetValue(edit), input),
                parsed.GetValue(processed));
            return Run(run, input, options);
        });
        return command;
    }

    internal static Option<string?> EditOption() => new("--edit")
    {
        Description = "a JSON file of edits to apply while the model runs", HelpName = "SPEC.json",
    };

    internal static Option<bool> ProcessedOption() => new("--processed")
    {
        Description = "run the weights as TransformerLens rewrites them (LayerNorm folded, centred)",
    };

    internal static IReadOnlyList<Edit> ReadEdits(string? file, Prompt prompt)
    {
        if (file is null)
            return [];
        IReadOnlyList<Edit> edits = EditSpec.Read(file);
        foreach (Edit edit in edits)
        {
            edit.Validate(prompt.Config);
            edit.ValidateRows(prompt.Rows.B);
        }
        return edits;
    }

    static int Run(Invocation run, Prompt prompt, Options options)
    {
        if (options.Out is { } path)
            RequireOutput(path, options.Sites);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder, options.Processed);
        using IDisposable edits = loaded.Model.Attach(options.Edits);
        SequenceBatch rows = prompt.Rows;
        using var session = new ModelSession(loaded.Model, new SessionOptions
        {
            MaxRows = rows.B, MaxTokens = rows.T, Record = options.Sites,
        });
        session.Forward(rows);
        run.Cancel.ThrowIfCancellationRequested();
        var trace = new SiteTrace(rows, session.Recordings, options.Sites);
        if (options.Out is null)
            return PrintSteps(run, trace, options.Sites);
        var manifest = new Manifest
        {
            Command = "trace",
            Options = new JsonObject
            {
                ["model"] = prompt.Folder,
                ["sites"] = new JsonArray([.. options.Sites.Select(s => (JsonNode)s.Name)]),
                ["bos"] = prompt.Bos,
                ["edit"] = EditSpec.ToJson(options.Edits),
                ["processed"] = options.Processed,
            },
            ModelHash = ModelFolder.Hash(prompt.Folder),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
        trace.Write(options.Out, manifest);
        manifest.WriteBeside(options.Out);
        Print(run, trace, options, manifest);
        return ExitCode.Done;
    }

    static void RequireOutput(string path, IReadOnlyList<Site> sites)
    {
        if (SiteTrace.IsNpy(path) && sites.Count != 1)
            throw new UserException($"{path}: .npy holds one tensor and the sites are {sites.Count}; "
                + "name one site or write .safetensors");
        OutputFile.Require(path);
    }

    static void Print(Invocation run, SiteTrace trace, Options options, Manifest manifest)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["out"] = options.Out,
                ["model_hash"] = manifest.ModelHash,
                ["device"] = manifest.Device,
                ["tensors"] = new JsonObject(trace.Shapes.Select(s => KeyValuePair.Create(s.Name,
                    (JsonNode?)new JsonArray([.. s.Shape.Select(n => (JsonNode)n)])))),
            });
            return;
        }
        if (run.Quiet)
            return;
        Table table = Invocation.Table("tensor", "shape");
        foreach ((string name, int[] shape) in trace.Shapes)
            Invocation.Row(table, name, Text(shape));
        run.Draw(table);
        run.Line($"written: {options.Out}");
    }

    // All but the sites whose only purpose is to be looked at: patterns and results cost more than the pass.
    static IReadOnlyList<Site> Steps(ModelConfig config) => [.. Site.All(config)
        .Where(s => s.Kind is not (SiteKind.Scores or SiteKind.Pattern or SiteKind.Result))];

    static int PrintSteps(Invocation run, SiteTrace trace, IReadOnlyList<Site> sites)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonArray([.. sites.Select(s => new JsonObject
            {
                ["step"] = s.Name,
                ["shape"] = new JsonArray([.. trace.Shape(s).Select(n => (JsonNode)n)]),
                ["norm"] = trace.Norm(s),
            })]));
            return ExitCode.Done;
        }
        Table table = Invocation.Table("step", "shape", "norm");
        foreach (Site site in sites)
            Invocation.Row(table, site.Name, Text(trace.Shape(site)), $"{trace.Norm(site):0.0000}");
        run.Draw(table);
        return ExitCode.Done;
    }

    static string Text(int[] shape) => $"[{string.Join(", ", shape)}]";
}
