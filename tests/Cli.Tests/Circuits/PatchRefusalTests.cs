namespace HeadTap.Cli.Tests;

/// <summary>Bad input of patch.</summary>
public sealed class PatchRefusalTests
{
    static string[] Line(params string[] more) => ["patch", "--model", TinyModel.Folder, "--clean-ids",
        "5,6,7,8,9", "--corrupt-ids", "5,3,7,1,9", "--answer-id", "11", "--wrong-id", "23", .. more];

    static string[] Bare(params string[] more) => ["patch", "--model", TinyModel.Folder, .. more];

    static IEnumerable<TestCaseData> Wrong()
    {
        TestCaseData Case(string said, params string[] more) => new(said, more);
        yield return Case("--at is \"heads\"; expected resid_pre", "--at", "heads");
        yield return Case("--by is \"head\"; expected layer or position at resid_pre", "--by", "head");
        yield return Case("--metric is \"loss\"; expected logit-diff, logprob, kl or rank", "--metric",
            "loss");
        yield return Case("--direction is \"back\"", "--direction", "back");
        yield return Case("layer 2 does not exist", "--layers", "0-2");
        yield return Case("--layers is \"-1\"", "--layers", "-1");
        yield return Case("position 5 has no counterpart", "--positions", "5");
        yield return Case("--positions is \"a\"; expected whole numbers", "--positions", "a");
        yield return Case("neuron 28 does not exist", "--at", "mlp_post", "--neurons", "28");
        yield return Case("expected layer or position at resid_pre", "--neurons", "3");
        yield return Case("--align is \"0,1\"; expected pairs", "--align", "0,1");
        yield return Case("position 7 is outside the clean prompt", "--align", "7-0");
        yield return Case("stands in two pairs", "--align", "0-0,0-1");
        yield return Case("each position with itself", "--at", "pattern", "--align", "0-1");
        yield return Case("--noise-positions and --corrupt-ids", "--noise-positions", "1");
        yield return Case("--samples without", "--samples", "3");
        yield return Case("--noise-scale without --noise-positions", "--noise-scale", "2");
        yield return Case("--from-end without cells by position", "--at", "z", "--from-end");
        yield return Case("--from alone; expected --from and --to", "--from", "heads");
        yield return Case("--freeze belongs to paths", "--freeze", "all");
        yield return Case("--freeze is \"none\"", "--from", "heads", "--to", "final", "--freeze", "none");
        yield return Case("--from and --layers", "--from", "heads", "--to", "final", "--layers", "0");
        yield return Case("--from and --at", "--from", "heads", "--to", "final", "--at", "z");
        yield return Case("matches nothing", "--from", "heads", "--to", "blocks.2.attn.hook_q");
        yield return Case("cannot end at", "--from", "heads", "--to", "blocks.1.attn.hook_z");
        yield return Case("leave --align out", "--from", "heads", "--to", "final", "--align", "0-0");
        yield return Case("--batch-rows is 0", "--batch-rows", "0");
        yield return Case("ends in .csv or .jsonl", "--table", "x.txt");
        yield return Case("--svg needs cells with rows and columns", "--at", "mlp_post", "--by", "neuron",
            "--svg", "x.svg");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Bad_input_is_one_line(string said, string[] more)
        => Assert.That(Headtap.Refused(Line(more)), Does.Contain(said));

    [Test]
    public void Bad_pairs_and_answers_are_one_line()
    {
        using var folder = new TemporaryFolder();
        string pairs = folder.Write("p.jsonl", """{"clean": [5,6], "corrupt": [5,3,7], "answer": 11}""");
        Assert.That(Headtap.Refused(Bare("--pairs", pairs)), Does.Contain("line 1: the clean prompt has 2"));
        Assert.That(Headtap.Refused(Bare("--pairs", pairs, "--align", "0-0")),
            Does.Contain("--align and --pairs"));
        Assert.That(Headtap.Refused(Bare("--pairs", folder.Write("q.jsonl",
                """{"clean": [5,6], "corrupt": [5,3], "answer": 11}"""), "--metric", "logit-diff")),
            Does.Contain("line 1: a logit difference needs two tokens"));
        foreach ((string align, string said) in ((string, string)[])[
            ("\"0,1\"", "line 1: align is \"0,1\"; expected pairs"), ("[0]", "line 1: align has"),
            ("\"0-3\"", "line 1: position 3 is outside the corrupted prompt")])
            Assert.That(Headtap.Refused(Bare("--pairs", folder.Write("a.jsonl",
                $$"""{"clean": [5,6], "corrupt": [5,3,7], "answer": 11, "align": {{align}}}"""))),
                Does.Contain(said));
        string aligned = folder.Write("b.jsonl",
            """{"clean": [5,6], "corrupt": [5,3], "answer": 11, "align": "0-0"}""");
        Assert.That(Headtap.Refused(Bare("--pairs", aligned, "--noise-positions", "1")),
            Does.Contain("line 1: align belongs to a corrupted prompt"));
        Assert.That(Headtap.Refused("attribute", "--model", TinyModel.Folder, "--pairs", aligned),
            Does.Contain("line 1: positions must match one by one"));
        Assert.That(Headtap.Refused(Bare("--clean-ids", "1,2", "--corrupt-ids", "1,3", "--answer",
            "Zyzzyva")), Does.Contain("--answer is \"Zyzzyva\", which is").And.Contain("one token"));
        Assert.That(Headtap.Refused(Bare("--clean-ids", "1,2", "--corrupt-ids", "1,2", "--answer-id", "3")),
            Does.Contain("the same tokens"));
        Assert.That(Headtap.Refused(Bare("--clean-ids", "1,2", "--answer-id", "3")),
            Does.Contain("neither --corrupt nor --corrupt-ids"));
        Assert.That(Headtap.Refused(Bare("--clean-ids", "1,2", "--answer-id", "3", "--resample",
            folder.Write("r.json", "[[1,2],[3]]"))), Does.Contain("no other prompt of 2 tokens"));
        Assert.That(Headtap.Refused(Bare("--clean-ids", "1,2", "--answer-id", "3", "--noise-positions", "2")),
            Does.Contain("position 2 gets noise"));
    }
}
