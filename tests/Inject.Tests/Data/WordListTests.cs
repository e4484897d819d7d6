using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class WordListTests
{
    const string Table = "\uFEFFTop 5000 Words,Nouns,Verbs,Adjectives,Adverbs,Conjunctions\r\n"
        + "the,time,be,other,so,and\r\nthe,ice cream,,\r\nto\r\n";

    [TestCase("top-5000", "the", "the", "to")]
    [TestCase("nouns", "time", "ice cream")]
    [TestCase("verbs", "be")]
    [TestCase("conjunctions", "and")]
    public void A_table_has_a_column_for_each_category(string category, params string[] words)
    {
        using var folder = new TemporaryFolder();
        Assert.That(WordList.Read(folder.Write("w.csv", Table), category), Is.EqualTo(words));
    }

    [Test]
    public void Any_other_file_has_a_word_a_line_as_it_stands()
    {
        using var folder = new TemporaryFolder();
        Assert.That(WordList.Read(folder.Write("w.txt", "\uFEFF Japan\r\nyen\n\nyen")),
            Is.EqualTo((string[])[" Japan", "yen", "yen"]));
    }

    [TestCase("w.csv", Table, null, "no category of words; expected one of top-5000, nouns")]
    [TestCase("w.csv", Table, "names", "\"names\"; expected one of")]
    [TestCase("w.csv", "Nouns\na", "verbs", "no column Verbs; the file has \"Nouns\"")]
    [TestCase("w.csv", "Nouns,Verbs\na,", "verbs", "there is no word in it")]
    [TestCase("w.csv", "Nouns\na,b", "nouns", "line 2: 2 fields; expected 1")]
    [TestCase("w.txt", "a", "nouns", "leave \"nouns\" out")]
    [TestCase("w.txt", "\n", null, "there is no word in it")]
    public void What_cannot_be_read_is_refused(string name, string text, string? category, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, text);
        Assert.That(() => WordList.Read(path, category),
            Throws.TypeOf<UserException>().With.Message.Contains(message));
    }
}
