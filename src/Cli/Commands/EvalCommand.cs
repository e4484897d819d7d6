using System.CommandLine;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>eval</c>: measures loss, perplexity and accuracy on a text, or scores answers to the atlas's questions.
/// </summary>
static class EvalCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var models = new EnsembleOptions();
        Option<string> file = new PathOption<string>("--text-file", PathUse.Reads)
        {
            Description = "the text; .jsonl, .json and .csv have one a row, other files one document or "
                + "several with <|endoftext|> between them",
            HelpName = "F",
        };
        Option<bool> atlas = new("--atlas")
        {
            Description = "instead of a text: ask all questions of the atlas, as train does at its end",
        };
        Option<ulong> atlasSeed = GlobalOptions.Number("--atlas-seed", ShippedModel.CorpusSeed,
            "the corpus whose questions are asked; without it the one in the folder's manifest.json, else 1");
        Option<int> context = GlobalOptions.Number("--context", 0,
            "tokens a window sees; 0 takes the model's context");
        Option<int> stride = GlobalOptions.Number("--stride", 0,
            "from one window's start to the next; 0 takes the context: no overlap");
        Option<string?> edit = TraceCommand.EditOption();
        var rules = new TextRuleOptions("document");
        var command = new Command("eval",
            "Loss, perplexity and token accuracy on a text, or answers to the atlas")
        {
            file, context, stride, edit, atlas, atlasSeed,
        };
        models.AddTo(command);
        rules.AddTo(command);
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
            if (Given(file) == Given(atlas))
                throw new UserException("eval takes --text-file F or --atlas; expected one of the two");
            Option[] others = Given(atlas) ? [context, stride, edit, .. rules.All] : [atlasSeed];
            if (others.FirstOrDefault(Given) is { } other)
                throw new UserException($"{other.Name} says nothing {(Given(atlas) ? "with" : "without")} "
                    + "--atlas; leave it out");
            (string folder, IReadOnlyList<string> more, EnsembleRule rule) = models.Read(parsed);
            if (Given(atlas) && more.Count > 0)
                throw new UserException("--atlas asks one model; expected one --model");
            return Given(atlas)
                ? RunAtlas(run, new EvalAtlasOptions
                {
                    Model = folder, AtlasSeed = GlobalOptions.Given(parsed, atlasSeed),
                })
                : Run(run, new EvalOptions
                {
                    Model = folder, Others = more, Ensemble = rule,
                    TextFile = parsed.GetValue(file)!,
                    Context = parsed.GetValue(context),
                    Stride = parsed.GetValue(stride),
                    Rules = rules.Read(parsed),
                    Edit = parsed.GetValue(edit),
                });
        });
        return command;
    }

    /// <summary>Prints the scores on the atlas's questions, for <c>train</c> and <c>eval</c>.</summary>
    internal static void Print(Invocation run, AtlasEvaluation atlas) => run.Line(atlas.Describe().TrimEnd());

    static int RunAtlas(Invocation run, EvalAtlasOptions options)
    {
        EvalAtlasResult result = run.RunJob(context => EvalAtlasJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, ModelJobsJson.Default.EvalAtlasResult);
        else
            Print(run, result.Evaluation!);
        run.Remark($"questions of the atlas text of seed {result.AtlasSeed}");
        return ExitCode.Done;
    }

    static int Run(Invocation run, EvalOptions options)
    {
        EvalResult score = run.RunJob(context => EvalJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(score, ModelJobsJson.Default.EvalResult);
        if (score.Models is { } combined)
            run.Line($"ensemble          {score.Ensemble} of {Counted.Of(combined.Count, "model")}");
        if (double.IsNaN(score.Loss))
            run.Line("loss              -  a vote has no probabilities; "
                + Counted.Of(score.Tokens, "token"));
        else
        {
            run.Line($"loss              {score.Loss:0.000000}  nats a token, mean of "
                + $"{Counted.Of(score.Tokens, "token")}");
            run.Line($"perplexity        {score.Perplexity:0.0000}  exp of that mean");
            run.Line($"window perplexity {score.WindowPerplexity:0.0000}  mean over "
                + $"{Counted.Of(score.Windows, "window")} of exp(their mean loss)");
        }
        run.Line($"token accuracy    {score.Accuracy:P2}");
        run.Remark($"{score.TokensPerSecond:0} tokens/s, {Counted.Of(score.Documents, "document")}, "
            + $"context {score.Context}, stride {score.Stride}");
        return ExitCode.Done;
    }
}
