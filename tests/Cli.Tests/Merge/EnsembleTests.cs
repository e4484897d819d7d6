using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Several --model in eval and generate.</summary>
public sealed class EnsembleTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var other = new LanguageModel(device, TinyModel.Config);
        other.Initialize(6);
        other.Save(s_folder["other"], TinyModel.Folder);
        using var small = new LanguageModel(device, TinyModel.Config with
        {
            VocabSize = 270, BosToken = null, EosToken = null,
        });
        small.Save(s_folder["small"], TinyModel.Folder);
        s_folder.Write("text.txt", "the capital of the north is a city");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Eval(params string[] rest)
        => ["eval", "--model", TinyModel.Folder, "--text-file", s_folder["text.txt"], .. rest];

    static string[] Generate(params string[] rest)
        => ["generate", "--model", TinyModel.Folder, "--text", "the city", "--max-new-tokens", "4", .. rest];

    [Test]
    public void Eval_scores_models_together()
    {
        string[] both = Eval("--model", s_folder["other"], "--json");
        double Loss(params string[] args) => (double)Headtap.Done(args).Json["loss"]!;
        double mean = Loss(both), logits = Loss([.. both, "--ensemble", "logits"]);
        Assert.That(mean, Is.Not.EqualTo(logits));
        Assert.That(Loss([.. both, "--ensemble", "probabilities"]), Is.EqualTo(mean));
        // The same model twice is the model.
        Assert.That(Loss(Eval("--model", TinyModel.Folder, "--json")),
            Is.EqualTo(Loss(Eval("--json"))).Within(1e-6));
        JsonNode vote = Headtap.Done([.. both, "--ensemble", "vote"]).Json;
        Assert.That(vote["loss"], Is.Null);
        Assert.That((double)vote["accuracy"]!, Is.InRange(0, 1));
        Assert.That((string?)vote["ensemble"], Is.EqualTo("vote"));
        Assert.That((string?)vote["models"]![1], Is.EqualTo(s_folder["other"]));
        Assert.That(Headtap.Done(both[..^1]).Out, Does.Contain("probabilities of 2 models"));
        Assert.That(Headtap.Done(Eval("--model", s_folder["other"], "--ensemble", "vote")).Out,
            Does.Contain("a vote has no probabilities"));
    }

    [Test]
    public void Generate_writes_with_models_together()
    {
        string alone = Headtap.Done(Generate()).Out;
        Assert.That(Headtap.Done(Generate("--model", TinyModel.Folder)).Out, Is.EqualTo(alone));
        foreach (string rule in (string[])["probabilities", "logits", "vote"])
            Headtap.Done(Generate("--model", s_folder["other"], "--ensemble", rule));
        Headtap.Done(Generate("--model", s_folder["other"], "--temperature", "1", "--seed", "3"));
    }

    [Test]
    public void Wrong_ensembles_are_named()
    {
        string other = s_folder["other"];
        (string[] Args, string Message)[] cases =
        [
            (Eval("--ensemble", "vote"), "--ensemble says nothing with one --model"),
            (Eval("--model", other, "--ensemble", "votes"),
                "--ensemble is \"votes\"; expected probabilities"),
            (Eval("--model", s_folder["small"]), "a vocabulary of 270 tokens and"),
            (["eval", "--model", TinyModel.Folder, "--model", other, "--atlas"], "--atlas asks one model"),
            (Generate("--model", other, "--ensemble", "vote", "--temperature", "1"),
                "--ensemble is vote, which draws nothing"),
            (Generate("--model", other, "--edit", s_folder["text.txt"]), "--edit edits one model"),
            (Generate("--model", s_folder["none"]), "none"),
        ];
        foreach ((string[] args, string message) in cases)
            Assert.That(Headtap.Refused(args), Does.Contain(message));
    }
}
