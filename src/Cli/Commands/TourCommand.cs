using System.CommandLine;
using System.Diagnostics;
using HeadTap.Atlas;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>tour</c>: everything at once on the model that the project trained.</summary>
static class TourCommand
{
    // Of weights/atlas/train.json: the questions are those of the text the model was trained on.
    const ulong CorpusSeed = 1;

    internal static Command Create(GlobalOptions global)
    {
        Option<string?> model = new("--model")
        {
            Description = "another model than the shipped one", HelpName = "DIR",
        };
        Option<string> output = new("--out")
        {
            Description = "the report", HelpName = "F.html", DefaultValueFactory = _ => "headtap-tour.html",
        };
        var command = new Command("tour",
            "Ask the shipped model, look into its heads, inject a memory, make it forget a code, and write a "
            + "report (start here)")
        {
            model, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model) ?? Shipped(),
            parsed.GetValue(output)!));
        return command;
    }

    // Beside the program, or where one file unpacked itself; a fresh clone finds it in the sources.
    static string Shipped()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "weights", "atlas");
        return File.Exists(Path.Combine(folder, "config.json")) ? folder : throw new UserException(
            $"{folder}: the shipped model is not there; build again from a whole checkout, or name "
            + "one with --model");
    }

    static int Run(Invocation run, string folder, string output)
    {
        var watch = Stopwatch.StartNew();
        AtomicFile.RequireWritable(output);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        if (tokenizer.VocabSize > config.VocabSize)
            throw new UserException($"{folder}: the tokenizer has {tokenizer.VocabSize} tokens and the model "
                + $"{config.VocabSize}; expected files of one model");
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        LanguageModel model = loaded.Model;
        var corpus = new AtlasCorpus(AtlasFacts.Shipped, CorpusSeed);
        var questions = new TourQuestions(model, tokenizer, corpus);
        run.Cancel.ThrowIfCancellationRequested();
        string hash = ModelFolder.Hash(folder);
        DirectLogitAttribution lens = DirectLogitAttribution.Read(model, questions.ForLens.Tokens);
        TourLens? learned = TourLens.Read(model, folder, hash, tokenizer, questions.ForLens);
        TourInjection injection = TourInjection.Find(model, tokenizer, corpus, questions.HeldOut, run.Cancel);
        string without = questions.Continue(injection.Question.Tokens), with;
        using (model.Attach(TourInjection.ReadSpec(injection.Spec)))
            with = questions.Continue(injection.Question.Tokens);
        Extraction extraction = questions.Secrets(corpus);
        run.Cancel.ThrowIfCancellationRequested();
        var forgetting = TourForgetting.Find(model, corpus, questions, extraction, run.Cancel);

        var findings = new TourFindings(model, tokenizer, hash, questions,
            lens, learned, injection, without, with, corpus.Secrets, extraction, forgetting);
        TourReport.Make(findings).Save(output);
        if (run.Json)
            run.WriteJson(TourText.Json(findings, output));
        else
            TourText.Print(run, findings);
        if (!run.Json)
            run.Line($"report   {output}");
        run.Remark($"{watch.Elapsed.TotalSeconds:0.0} s");
        return ExitCode.Done;
    }
}

/// <summary>What the tour found.</summary>
sealed record TourFindings(LanguageModel Model, ByteBpeTokenizer Tokenizer, string Hash, TourQuestions Questions,
    DirectLogitAttribution Lens, TourLens? Learned, TourInjection Injection, string Without, string With,
    IReadOnlyList<AtlasSecret> Secrets, Extraction Extraction, TourForgetting? Forgetting)
{
    const int TopTokens = 4;

    /// <summary>One line on the model.</summary>
    internal string ModelText => $"{Model.Config.Layers} layers, {Model.Config.Heads} heads, width "
        + $"{Model.Config.Width}, vocabulary {Model.Config.VocabSize}, {Model.Parameters.TotalLength} "
        + "parameters";

    internal string DeviceText => $"{Model.Device.Name}: {Model.Device.Entry.Description}";

    /// <summary>The question whose heads are shown.</summary>
    internal TourQuestion LensQuestion => Questions.ForLens;

    internal float Toward(int layer, int head) => Lens.Toward(layer, head, LensQuestion.Answer[0]);

    /// <summary>The tokens a head raises most.</summary>
    internal string Top(int layer, int head) => string.Join("  ", Lens.Top(layer, head, TopTokens)
        .Select(t => t.Token < Tokenizer.VocabSize
            ? PromptOptions.Visible(Tokenizer.TokenText(t.Token)) : $"#{t.Token}"));
}
