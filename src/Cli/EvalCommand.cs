using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>eval</c>: loss, perplexity and accuracy on a text.</summary>
static class EvalCommand
{
    sealed record Options(string Model, string File, int Context, int Stride, bool Bos);

    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> file = new("--text-file")
        {
            Description = "the text; .jsonl has a \"text\" a line, other files one document or several with "
                + "<|endoftext|> between them",
            HelpName = "F", Required = true,
        };
        Option<int> context = GlobalOptions.Number("--context", 0, "tokens a window sees; 0 takes the model's context");
        Option<int> stride = GlobalOptions.Number("--stride", 0,
            "from one window's start to the next; 0 takes the context: no overlap");
        Option<bool> bos = new("--bos") { Description = "put the begin-of-text token before each document" };
        var command = new Command("eval", "Loss, perplexity and token accuracy of a model on a text")
        {
            model, file, context, stride, bos,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new Options(parsed.GetValue(model)!,
            parsed.GetValue(file)!, parsed.GetValue(context), parsed.GetValue(stride), parsed.GetValue(bos))));
        return command;
    }

    static int Run(Invocation run, Options options)
    {
        Gpt2Config config = Gpt2Folder.ReadConfig(options.Model);
        int context = options.Context == 0 ? config.ContextLength : options.Context;
        int stride = options.Stride == 0 ? context : options.Stride;
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Load(options.Model);
        IReadOnlyList<string> texts = TextDocuments.Read(options.File);
        int[] before = !options.Bos ? [] : [config.BosToken ?? throw new UserException(
            $"{options.Model}: config.json has no bos_token_id that is in the vocabulary; leave --bos out")];
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
        run.Line($"window perplexity {score.WindowPerplexity:0.0000}  mean over {score.Windows} windows of exp(their mean loss)");
        run.Line($"token accuracy    {score.Accuracy:P2}");
        run.Remark($"{speed:0} tokens/s, {score.Documents} documents, context {context}, stride {stride}");
    }
}
