namespace HeadTap.Models.Tests;

/// <summary>A question is no document where other rows have answers, in every reader.</summary>
public sealed class UnansweredRowsTests
{
    static readonly ByteBpeTokenizer s_bytes = new(BpeTrainer.Train([], 257, [BpeVocabulary.EndOfText]));

    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":\"b\"}\n{\"question\":\"c\"}",
        "line 2: has a prompt and no continuation")]
    [TestCase("jsonl", "{\"question\":\"c\"}\n{\"question\":\"a\",\"answer\":\"b\"}",
        "line 1: has a prompt and no continuation")]
    [TestCase("json", "[{\"question\":\"a\",\"answer\":\"b\"}, {\"question\":\"c\"}]",
        "row 2: has a prompt and no continuation")]
    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":null}", "line 1: \"answer\" is no text")]
    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":[\"b\"]}", "line 1: \"answer\" is no text")]
    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":\"\"}", "line 1: the continuation is empty")]
    [TestCase("csv", "question,answer\na,b\nc,\n", "line 3: the continuation is empty")]
    [TestCase("csv", "question,answer\na,b\n,c\n", "line 3: the prompt is empty")]
    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":\" \\n\"}", "line 1: the continuation is blank")]
    [TestCase("jsonl", "{\"question\":\"a\",\"answer\":\"b\"}\n{\"question\":\" \",\"answer\":\"b\"}",
        "line 2: the prompt is blank")]
    public void A_prompt_alone_is_refused_where_answers_are(string ending, string rows, string says)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write($"x.{ending}", rows);
        BadInput.Refused(() => TextDocuments.Read(path), path, says);
        BadInput.Refused(() => DocumentSource.FromFiles([path], s_bytes), path, says);
        Assert.That(TextRecords.Read(path, TextFields.Usual, prompts: true).Select(row => row.Text).First(),
            Is.AnyOf("a", "c"), "a verb with prompts needs no answers");
    }

    [Test]
    public void Prompts_alone_are_documents()
    {
        using var folder = new TemporaryFolder();
        Assert.That(TextDocuments.Read(folder.Write("x.jsonl",
            "{\"question\":\"a\"}\n{\"question\":\"b\"}")), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public void A_row_without_any_text_is_left_out_as_before()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.jsonl",
            "{\"question\":\"\",\"answer\":\"\"}\n{\"question\":\"\"}\n"
            + "{\"question\":\"a\",\"answer\":\"b\"}");
        Assert.That(TextDocuments.Read(path), Is.EqualTo(new[] { "a b" }));
        Assert.That(DocumentSource.FromFiles([path], s_bytes).Count, Is.EqualTo(1));
    }

    [Test]
    public void A_named_prompt_is_a_text()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.jsonl",
            "{\"question\":\"a\",\"answer\":\"b\"}\n{\"question\":\"c\",\"answer\":null}");
        Assert.That(TextDocuments.Read(path, TextFields.Parse("question", "Fields")),
            Is.EqualTo(new[] { "a", "c" }));
    }
}
