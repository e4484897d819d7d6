namespace HeadTap.Cli.Tests;

/// <summary>unlearn relearn, on sequences the tiny model wrote itself.</summary>
public sealed class UnlearnRelearnTests
{
    [Test]
    public void With_a_folder_it_says_the_same_and_the_same_call_again_trains_nothing()
    {
        using var folder = new TemporaryFolder();
        TinyRecital.Write(folder, "forget.jsonl", TinyRecital.Sequences(6));
        string[] call = ["unlearn", "relearn", "--model", TinyModel.Folder, "--sequences",
            folder["forget.jsonl"], .. TinyRecital.Asked, "--steps", "5", "--json"];
        string plain = Headtap.Done(call).Out;
        Assert.That(Headtap.Done([.. call, "--out", folder["a"]]).Out, Is.EqualTo(plain));
        Assert.That(Directory.GetFiles(folder["a"]).Select(Path.GetFileName).Order(),
            Is.EqualTo((string[])["manifest.json", "metrics.jsonl", "run.json"]));
        Headtap again = Headtap.Done([.. call, "--out", folder["a"]]);
        Assert.That(again.Out, Is.EqualTo(plain));
        Assert.That(again.Error, Does.Contain("complete already"));
        Assert.That(Headtap.Refused([.. call, "--out", folder["a"], "--learning-rate", "0.1", "--device",
            "cpu"]), Does.Contain("learning_rate is 0.0001 in its run.json and 0.1 here"));
    }
}
