using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>eval</c>: loss, perplexity and accuracy on a text, or the answers to the atlas' questions.
/// </summary>
static class EvalCommand
{
    sealed record Options(string Model, string File, int Context, int Stride, bool Bos);

    // Of weights/atlas/train.json.
    internal const ulong ShippedCorpus = 1;

    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> file = new("--text-file")
        {
            Description = "the text; .jsonl has a \"text\" a line, other files one document or several with "
                + "<|endoftext|> between them",
            HelpName = "F",
        };
        Option<bool> atlas = new("--atlas")
        {
            Description = "instead of a text: ask all questions of the atlas, as train does at its end",
        };
        Option<ulong> atlasSeed = GlobalOptions.Number("--atlas-seed", ShippedCorpus,
            "the corpus whose questions are asked; without it the one in the folder's manifest.json, else 1");
        Option<int> context = GlobalOptions.Number("--context", 0,
            "tokens a window sees; 0 takes the model's context");
        Option<int> stride = GlobalOptions.Number("--stride", 0,
            "from one window's start to the next; 0 takes the context: no overlap");
        Option<bool> bos = new("--bos") { Description = "put the begin-of-text token before each document" };
        var command = new Command("eval",
            "Loss, perplexity and token accuracy on a text, or answers to the atlas")
        {
            model, file, context, stride, bos, atlas, atlasSeed,
        };
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
            if (Given(file) == Given(atlas))
                throw new UserException("eval takes --text-file F or --atlas; expected one of the two");
            Option[] others = Given(atlas) ? [context, stride, bos] : [atlasSeed];
            if (others.FirstOrDefault(Given) is { } other)
                throw new UserException($"{other.Name} says nothing {(Given(atlas) ? "with" : "without")} "
                    + "--atlas; leave it out");
            string folder = parsed.GetValue(model)!;
            return Given(atlas)
                ? RunAtlas(run, folder, Given(atlasSeed) ? parsed.GetValue(atlasSeed) : CorpusOf(folder))
                : Run(run, new Options(folder, parsed.GetValue(file)!, parsed.GetValue(context),
                    parsed.GetValue(stride), parsed.GetValue(bos)));
        });
        return command;
    }

    static int RunAtlas(Invocation run, string folder, ulong seed)
    {
        ModelFolder.ReadConfig(folder); // says that a folder is missing before files of it are missed
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        AtlasEvaluation? found = null;
        run.WithProgress("asking", report => found = AtlasEvaluation.Run(loaded.Model, tokenizer,
            new AtlasCorpus(AtlasFacts.Shipped, seed), (done, total) =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report((double)done / total, $"{done} of {total}");
            }));
        if (run.Json)
            run.WriteJson(new JsonObject { ["atlas_seed"] = seed, ["atlas"] = AtlasTable.Json(found!) });
        else
            AtlasTable.Print(run, found!);
        run.Remark($"questions of the atlas text of seed {seed}");
        return ExitCode.Done;
    }

    // What a model was trained on stands in the manifest that train writes beside it.
    static ulong CorpusOf(string folder)
    {
        string manifest = Path.Combine(folder, "manifest.json");
        return File.Exists(manifest) && Manifest.Read(manifest).Options["data"] is JsonObject data
            && data["atlas"] is JsonObject atlas && atlas["seed"] is JsonValue seed
            && seed.TryGetValue(out ulong found)
            ? found : ShippedCorpus;
    }

    static int Run(Invocation run, Options options)
    {
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        int context = options.Context == 0 ? config.ContextLength : options.Context;
        int stride = options.Stride == 0 ? context : options.Stride;
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        IReadOnlyList<string> texts = TextDocuments.Read(options.File);
        int[] before = PromptRequest.BosOf(options.Bos, config, options.Model) is { } bos ? [bos] : [];
        int[][] documents = [.. texts.Select(t => (int[])[.. before, .. tokenizer.Encode(t)])];
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, options.Model);
        TextScore? score = null;
        var watch = new Stopwatch();
        run.WithProgress("evaluating", report =>
        {
            watch.Start();
            score = TextEvaluation.Run(loaded.Model, documents, context, stride, (done, total) =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report((double)done / total, $"{done / watch.Elapsed.TotalSeconds:0} tokens/s");
            });
        });
        Print(run, score!, context, stride, score!.Tokens / watch.Elapsed.TotalSeconds);
        return ExitCode.Done;
    }

    static void Print(Invocation run, TextScore score, int context, int stride, double speed)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["loss"] = score.Loss,
                ["perplexity"] = score.Perplexity,
                ["window_perplexity"] = score.WindowPerplexity,
                ["accuracy"] = score.Accuracy,
                ["tokens"] = score.Tokens,
                ["windows"] = score.Windows,
                ["documents"] = score.Documents,
                ["context"] = context,
                ["stride"] = stride,
                ["tokens_per_second"] = speed,
            });
            return;
        }
        run.Line($"loss              {score.Loss:0.000000}  nats a token, mean of {score.Tokens} tokens");
        run.Line($"perplexity        {score.Perplexity:0.0000}  exp of that mean");
        run.Line($"window perplexity {score.WindowPerplexity:0.0000}  mean over {score.Windows} windows of "
            + "exp(their mean loss)");
        run.Line($"token accuracy    {score.Accuracy:P2}");
        run.Remark($"{speed:0} tokens/s, {score.Documents} documents, context {context}, stride {stride}");
    }
}
