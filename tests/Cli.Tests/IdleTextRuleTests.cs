using System.Text.Json;

namespace HeadTap.Cli.Tests;

/// <summary>Rules of text files that no file obeys, and rows that are no whole text, in every verb that reads
/// documents.</summary>
public sealed class IdleTextRuleTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_folder.Write("plain.txt", "the city of the north\nis a capital\n");
        s_folder.Write("rows.jsonl", "{\"text\":\"the city of the north\"}\n{\"text\":\"is a capital\"}\n");
        s_folder.Write("rows.csv", "text\nthe city of the north\n");
        s_folder.Write("ids.json", "[[1, 2, 3], [4, 5]]");
        s_folder.Write("asked.jsonl", "{\"question\":\"the city\",\"answer\":\"of the north\"}\n"
            + "{\"question\":\"a capital\"}\n");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static IEnumerable<string[]> Readers()
    {
        yield return ["tokenize"];
        yield return ["generate", "--max-new-tokens", "1"];
        foreach (string[] verb in Documents())
            yield return verb;
    }

    static IEnumerable<string[]> Documents()
    {
        yield return ["eval"];
        yield return ["lens", "eval", "--lens", "logit"];
        yield return ["lens", "train", "--kind", "thin", "--steps", "1", "--out", "{out}"];
        yield return ["train", "--out", "{out}"];
    }

    // train names its files in a config.
    static string[] Call(string[] verb, string file, params string[] rules)
    {
        verb = [.. verb.Select(word => word.Replace(
            "{out}", s_folder["out" + Guid.NewGuid().ToString("N")], StringComparison.Ordinal))];
        return verb[0] == "train"
            ? [.. verb, "--config", Config($$"""{"files": [{{Json(s_folder[file])}}]}"""), .. rules]
            : [.. verb, "--model", TinyModel.Folder, "--text-file", s_folder[file], .. rules];
    }

    static string Config(string data) => s_folder.Write("train.json", $$"""
        {"model": {"from": {{Json(TinyModel.Folder)}}}, "data": {{data}}, "rows": "packed",
         "tokens_per_row": 4, "batch_rows": 1, "steps": 1, "seed": 1}
        """);

    static string Json(string text) => JsonSerializer.Serialize(text);

    [TestCaseSource(nameof(Readers))]
    public void A_rule_that_the_files_do_not_obey_is_refused(params string[] verb)
    {
        Assert.That(Headtap.Refused(Call(verb, "plain.txt", "--fields", "body")), Does.Contain(
            $"{s_folder["plain.txt"]}: is a plain text without fields, and --fields names some; expected "
            + ".jsonl, .json or .csv, or leave it out\n"));
        foreach (string rows in (string[])["rows.jsonl", "rows.csv"])
            Assert.That(Headtap.Refused(Call(verb, rows, "--lines")), Does.Contain(
                $"{s_folder[rows]}: has a text a row, and --lines is for plain texts; leave it out\n"));
        Assert.That(Headtap.Run([.. Call(verb, "plain.txt", "--lines"), "--device", "cpu"]).Code, Is.Zero);
    }

    [TestCase("--fields without --text-file; ", "lens", "eval", "--lens", "logit", "--batch", "{ids}",
        "--fields", "body")]
    [TestCase("--lines without --text-file; ", "lens", "eval", "--lens", "logit", "--batch", "{ids}",
        "--lines")]
    [TestCase("--fields and --lines without --text-file; ", "lens", "train", "--kind", "thin", "--steps", "1",
        "--out", "{out}", "--batch", "{ids}", "--fields", "body", "--lines")]
    [TestCase("--lines without --text-file; ", "lens", "train", "--kind", "thin", "--steps", "1", "--out",
        "{out}", "--atlas", "1", "--lines")]
    public void A_rule_of_files_without_a_file_is_refused(string says, params string[] call) => Assert.That(
        Headtap.Refused([.. call.Select(word => word.Replace("{ids}", s_folder["ids.json"],
            StringComparison.Ordinal).Replace("{out}", s_folder["none"], StringComparison.Ordinal)),
            "--model", TinyModel.Folder]),
        Does.Contain(says + "expected a file of texts, or leave "));

    [Test]
    public void Training_and_data_sets_of_the_atlas_have_no_files()
    {
        Assert.That(Headtap.Refused("train", "--config", Config("""{"atlas": {"seed": 1}}"""), "--out",
            s_folder["none"], "--lines"), Does.Contain("--lines without data.files; "));
        Assert.That(Headtap.Refused("unlearn", "data", "--task", "text", "--atlas", "1", "--tokenizer",
            TinyModel.Folder, "--out", s_folder["none"], "--fields", "body"),
            Does.Contain("--fields without --text-file; "));
    }

    [Test]
    public void One_file_that_obeys_is_enough() => Assert.That(Headtap.Run("lens", "train", "--kind", "thin",
        "--steps", "1", "--model", TinyModel.Folder, "--out", s_folder["both"], "--lines", "--text-file",
        s_folder["plain.txt"], s_folder["rows.jsonl"], "--device", "cpu").Code, Is.Zero);

    [TestCaseSource(nameof(Documents))]
    public void A_question_is_no_document_where_others_have_answers(params string[] verb)
    {
        Assert.That(Headtap.Refused(Call(verb, "asked.jsonl")), Does.Contain(
            $"{s_folder["asked.jsonl"]}: line 2: has a prompt and no continuation, and other rows have one; "
            + "expected a continuation in every row, or in none\n"));
        Assert.That(Headtap.Run([.. Call(verb, "asked.jsonl", "--fields", "question"), "--device", "cpu"])
            .Code, Is.Zero, "the questions are asked for");
    }
}
