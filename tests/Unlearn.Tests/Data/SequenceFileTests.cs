using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class SequenceFileTests
{
    [Test]
    public void What_is_written_is_read()
    {
        string path = Temporary("");
        PlantedSequence[] sequences = [new([1, 2, 3], Group: 1), new([4, 5], [4, 6], 2, 1), new([7], [8, 9])];
        SequenceFile.Write(path, sequences);
        IReadOnlyList<PlantedSequence> read = SequenceFile.Read(path, 10, null);
        Assert.That(read.Select(s => (s.Group, s.Prompt)),
            Is.EqualTo(sequences.Select(s => (s.Group, s.Prompt))));
        Assert.That(read.Select(s => s.Ids), Is.EqualTo(sequences.Select(s => s.Ids)));
        Assert.That(read.Select(s => s.CleanIds), Is.EqualTo(sequences.Select(s => s.CleanIds)));
    }

    [Test]
    public void A_token_before_a_sequence_moves_its_prompt()
    {
        string path = Temporary("""{"ids":[1,2,3],"clean_ids":[1,2,4],"prompt":2}""" + "\n"
            + """{"ids":[9,2,3],"prompt":2}""");
        IReadOnlyList<PlantedSequence> read = SequenceFile.Read(
            path, 10, null, new(TextFields.Usual, Bos: 9));
        Assert.That(read[0].Ids, Is.EqualTo((int[])[9, 1, 2, 3]));
        Assert.That(read[0].CleanIds, Is.EqualTo((int[])[9, 1, 2, 4]));
        Assert.That(read.Select(s => s.Prompt), Is.EqualTo((int?[])[3, 2]), "the second begins with it");
    }

    [Test]
    public void Texts_are_encoded_and_blank_lines_passed_over()
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Atlas);
        IReadOnlyList<PlantedSequence> read = SequenceFile.Read(
            Temporary("\n{\"text\": \"The currency\"}\r\n  \n"), tokenizer.VocabSize, tokenizer);
        Assert.That(read.Single().Ids, Is.EqualTo(tokenizer.Encode("The currency")));
    }

    [TestCase("""{"question":"The","answer":null}""", "line 1: \"answer\" is no text")]
    [TestCase("""{"question":"The","answer":["a"]}""", "line 1: \"answer\" is no text")]
    [TestCase("""
        {"question":"The","answer":"currency"}
        {"question":"The"}
        """, "line 2: has a prompt and no continuation")]
    [TestCase("""
        {"question":"The"}
        {"question":"The","answer":"currency"}
        """, "line 1: has a prompt and no continuation")]
    [TestCase("""{"question":"The","answer":""}""", "line 1: the continuation is empty")]
    [TestCase("""{"question":"","answer":"x"}""", "line 1: the prompt is empty")]
    public void A_row_without_the_continuation_that_others_have_is_one_line(string text, string says)
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Atlas);
        UserException error = Assert.Throws<UserException>(() => SequenceFile.Read(
            Temporary(text), tokenizer.VocabSize, tokenizer))!;
        Assert.That(error.Message, Does.Contain(says).And.Not.Contain('\n'));
    }

    [Test]
    public void Prompts_alone_are_sequences()
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Atlas);
        IReadOnlyList<PlantedSequence> read = SequenceFile.Read(
            Temporary("""{"question":"The currency"}"""), tokenizer.VocabSize, tokenizer);
        Assert.That(read.Single().Ids, Is.EqualTo(tokenizer.Encode("The currency")));
        Assert.That(read.Single().Prompt, Is.Null);
    }

    [TestCase("", "holds no sequence")]
    [TestCase("{\"ids\": []}", "line 1: ids")]
    [TestCase("{\"ids\": [1]}\n{\"ids\": [1, 10]}", "line 2: ids has \"10\"")]
    [TestCase("{\"ids\": [1.5]}", "whole numbers from 0 to 9")]
    [TestCase("{\"ids\": [1], \"text\": \"x\"}", "one of them")]
    [TestCase("{}", "one of them")]
    [TestCase("{\"text\": \"x\"}", "no tokenizer")]
    [TestCase("{\"question\": \"a\", \"input\": \"b\", \"answer\": \"c\"}", "\"question\" and \"input\"")]
    [TestCase("{\"body\": \"a\"}", "has no \"text\"")]
    [TestCase("{\"ids\": [1], \"prompt\": 2}", "prompt has")]
    [TestCase("{\"ids\": [1]", "not valid JSON")]
    [TestCase("[1, 2]", "expected an object")]
    public void What_is_no_sequence_is_one_line(string text, string says)
    {
        string path = Temporary(text);
        UserException error = Assert.Throws<UserException>(() => SequenceFile.Read(path, 10, null))!;
        Assert.That(error.Message, Does.Contain(says));
        Assert.That(error.Message, Does.Contain(path));
        Assert.That(error.Message, Does.Not.Contain('\n'));
    }

    static string Atlas
    {
        get
        {
            string? folder = TestContext.CurrentContext.TestDirectory;
            while (folder is not null && !File.Exists(Path.Combine(folder, "HeadTap.slnx")))
                folder = Path.GetDirectoryName(folder);
            return Path.Combine(folder!, "weights", "atlas");
        }
    }

    static string Temporary(string text)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}.jsonl");
        File.WriteAllText(path, text);
        return path;
    }
}
