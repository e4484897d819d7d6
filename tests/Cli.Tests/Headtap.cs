using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Runs command lines in this process, on the host path, and keeps what they print.</summary>
sealed record Headtap(int Code, string Out, string Error)
{
    public JsonNode Json => JsonNode.Parse(Out)!;

    public static Headtap Run(params string[] args) => RunUntil(CancellationToken.None, args);

    public static Headtap RunUntil(CancellationToken cancel, params string[] args)
    {
        using StringWriter output = new(), error = new();
        int code = CommandLine.Run(args, new Terminal(output, error, false, false), cancel: cancel);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs on the host path and demands success.</summary>
    public static Headtap Done(params string[] args)
    {
        Headtap run = Run([.. args, "--device", "cpu"]);
        Assert.That(run.Code, Is.Zero, run.Error);
        return run;
    }

    /// <summary>Runs and demands one line on stderr, nothing on stdout and exit code 2.</summary>
    public static string Refused(params string[] args)
    {
        Headtap run = Run(args);
        Assert.That(run.Code, Is.EqualTo(2), run.Error + run.Out);
        Assert.That(run.Out, Is.Empty);
        Assert.That(run.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), run.Error);
        Assert.That(run.Error, Does.StartWith("headtap: ").And.EndsWith("\n"));
        return run.Error;
    }
}

/// <summary>A small random model with its own vocabulary, made once.</summary>
[SetUpFixture]
public sealed class TinyModel
{
    static TemporaryFolder? s_folder;

    internal static ModelConfig Config { get; } = new()
    {
        VocabSize = 280, ContextLength = 24, Width = 20, Layers = 2, Heads = 4, Inner = 28,
        BosToken = 279, EosToken = 279,
    };

    internal static string Folder => s_folder!["model"];

    /// <summary>The same model without tokenizer files.</summary>
    internal static string BareFolder => s_folder!["bare"];

    [OneTimeSetUp]
    public static void Make()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(5);
        model.Save(Folder);
        model.Save(BareFolder);
        BpeTrainer.Train(["the capital of the country is the city", "a city of the north is a capital"], 280,
            [BpeVocabulary.EndOfText], minimumCount: 1).Save(Folder);
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder!.Dispose();
}
