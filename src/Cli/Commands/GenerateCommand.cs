using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>generate</c>: continues prompts.</summary>
static class GenerateCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        Option<int> tokens = GlobalOptions.Number("--max-new-tokens", 32, "most tokens to add");
        Option<float> temperature = GlobalOptions.Number("--temperature", 1f, "logits are divided by it");
        Option<int> topK = GlobalOptions.Number("--top-k", 0,
            "draw from the K most likely tokens; 0 takes all");
        Option<float> topP = GlobalOptions.Number("--top-p", 1f,
            "draw from the most likely tokens that have probability P together");
        Option<bool> greedy = new("--greedy")
        {
            Description = "always the most likely token; so without --temperature, --top-k and --top-p",
        };
        Option<int> stop = GlobalOptions.Number("--stop", -1, "a token id that ends a text; -1 for none");
        Option<string?> edit = TraceCommand.EditOption();
        Option<bool> processed = TraceCommand.ProcessedOption();
        var command = new Command("generate", "Continue prompts");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[tokens, temperature, topK, topP, greedy, stop, edit, processed])
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            bool drawn = new Option[] { temperature, topK,
                topP }.Any(o => parsed.GetResult(o) is { Implicit: false });
            if (drawn && parsed.GetValue(greedy))
                throw new UserException(
                    "--greedy draws nothing; leave out --temperature, --top-k and --top-p, or it");
            var sampling = new SamplingOptions(parsed.GetValue(temperature), parsed.GetValue(topK),
                parsed.GetValue(topP), Greedy: !drawn);
            sampling.Validate();
            Prompt input = prompt.Read(parsed);
            int stopToken = parsed.GetValue(stop);
            if (stopToken < -1 || stopToken >= input.Config.VocabSize)
                throw new UserException($"--stop is {stopToken}; expected a token id from 0 to "
                    + $"{input.Config.VocabSize - 1}, or -1 for none");
            var options = new GenerationOptions
            {
                MaxNewTokens = parsed.GetValue(tokens),
                Sampling = sampling,
                Seed = run.Seed,
                StopToken = stopToken < 0 ? null : stopToken,
                OnStep = _ => run.Cancel.ThrowIfCancellationRequested(),
            };
            return Run(run, input, options, TraceCommand.ReadEdits(parsed.GetValue(edit), input),
                parsed.GetValue(processed));
        });
        return command;
    }

    static int Run(
        Invocation run, Prompt prompt, GenerationOptions options, IReadOnlyList<Edit> edits, bool processed)
    {
        int longest = prompt.Rows.Lengths.Max();
        if (options.MaxNewTokens < 1 || longest + options.MaxNewTokens > prompt.Config.ContextLength)
            throw new UserException(
                $"--max-new-tokens is {options.MaxNewTokens} after a prompt of {longest}; "
                + "expected at least 1, and both together at most the context of "
                + $"{prompt.Config.ContextLength}");
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder, processed);
        using IDisposable attached = loaded.Model.Attach(edits);
        var watch = Stopwatch.StartNew();
        IReadOnlyList<int[]> added = new Generator(loaded.Model).Generate(prompt.Rows, options);
        double seconds = watch.Elapsed.TotalSeconds;
        if (run.Json)
            run.WriteJson(new JsonArray([.. added.Select((ids, b) => new JsonObject
            {
                ["prompt_ids"] = Ids(prompt.Rows.Row(b).ToArray()),
                ["new_ids"] = Ids(ids),
                ["text"] = prompt.Tokenizer?.Decode(ids),
            })]));
        else
            for (int b = 0; b < added.Count; b++)
                run.Line(prompt.Tokenizer is null
                    ? prompt.Text(added[b])
                    : prompt.Text(prompt.Rows.Row(b)) + prompt.Text(added[b]));
        int count = added.Sum(a => a.Length);
        run.Remark($"{count} tokens, {count / seconds:0.0} a second");
        return ExitCode.Done;
    }

    static JsonArray Ids(int[] ids) => new([.. ids.Select(id => (JsonNode)id)]);
}
