using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>Reading texts, and what is said when they are wrong.</summary>
sealed class TextDocumentsTests
{
    [TestCase("one\n\ntwo\n", new[] { "one\n\ntwo\n" })]
    [TestCase("\uFEFFone", new[] { "one" })]
    [TestCase("a<|endoftext|>b", new[] { "a", "b" })]
    [TestCase("a\n<|endoftext|>\nb\n", new[] { "a", "b\n" })]
    [TestCase("a\r\n<|endoftext|>\r\nb", new[] { "a", "b" })]
    [TestCase("a\n\n<|endoftext|>\n\nb", new[] { "a\n", "\nb" })]
    [TestCase("<|endoftext|>a<|endoftext|>\n<|endoftext|>", new[] { "a" })]
    [TestCase(" a ", new[] { " a " })]
    public void Plain_text(string content, string[] expected)
    {
        using var folder = new TemporaryFolder();
        Assert.That(TextDocuments.Read(folder.Write("x.txt", content)), Is.EqualTo(expected));
    }

    [TestCase("{\"text\": \"a\\nb\"}\n{\"id\": 1, \"text\": \"c\"}", new[] { "a\nb", "c" })]
    [TestCase("\uFEFF{\"text\": \"é\"}\r\n\r\n  \n{\"text\": \"<|end\"}\n", new[] { "é", "<|end" })]
    [TestCase("{\"text\": \"\"}\n{\"text\": \"c\"}", new[] { "c" })]
    public void Json_lines(string content, string[] expected)
    {
        using var folder = new TemporaryFolder();
        Assert.That(TextDocuments.Read(folder.Write("x.JSONL", content)), Is.EqualTo(expected));
    }

    [TestCase("{\"text\": \"a\"}\n{\"text\": ", "line 2")]
    [TestCase("{\"text\": \"a\"}\n\n{\"txt\": \"a\"}", "line 3")]
    [TestCase("{\"text\": 5}", "line 1")]
    [TestCase("[]", "line 1")]
    [TestCase("{\"text\": \"\\ud800\"}", "line 1")]
    [TestCase("{\"text\": \"a\"} x", "line 1")]
    [TestCase("", "no text")]
    [TestCase("{\"text\": \"\"}", "no text")]
    public void Wrong_json_lines_are_refused_by_line(string content, string words)
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => TextDocuments.Read(folder.Write("x.jsonl", content)), "x.jsonl", words);
    }

    [Test]
    public void Deep_json_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.jsonl", "{\"text\": \"a\", \"b\": " + new string('[', 100_000));
        BadInput.Refused(() => TextDocuments.Read(path), "line 1");
    }

    [Test]
    public void Wrong_plain_files_are_refused()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => TextDocuments.Read(folder["none.txt"]), "none.txt", "no such file");
        BadInput.Refused(() => TextDocuments.Read(folder.Path), "folder");
        BadInput.Refused(() => TextDocuments.Read(folder.Write("empty.txt", "")), "empty.txt", "no text");
        string broken = folder.Write("x.txt", [.. "abc"u8, 0xC3, 0x28]);
        BadInput.Refused(() => TextDocuments.Read(broken), "x.txt", "byte 3", "UTF-8");
        string utf16 = folder.Write("16.txt", Encoding.Unicode.GetBytes("é"));
        BadInput.Refused(() => TextDocuments.Read(utf16), "16.txt", "UTF-8");
    }
}
