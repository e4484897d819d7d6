namespace HeadTap.Runtime.Tests;

/// <summary>Names of fields in messages, and the text of users beside them.</summary>
sealed class FieldTests
{
    [Test]
    public void Only_a_marked_name_is_written_as_a_flag()
    {
        var error = new UserException($"Bos/Taus: {Field.Of("Taus")} is 0; leave {Field.Of("Bos")} out");
        Assert.That(error.Message, Is.EqualTo("Bos/Taus: Taus is 0; leave Bos out"));
        Assert.That(error.Written(name => "--" + name.ToLowerInvariant()),
            Is.EqualTo("Bos/Taus: --taus is 0; leave --bos out"));
    }

    [Test]
    public void A_text_of_a_user_cannot_mark_a_name()
    {
        string forged = Field.Of("Bos");
        var error = new UserException(
            $"{Quoted.Name(forged)} and {Quoted.Path(forged)} and {Field.Of(" x")}");
        Assert.That(error.Written(_ => "--flag"), Is.EqualTo("\"?Bos?\" and ?Bos? and  x"));
    }

    [TestCase("learning_rate is 0; expected more", "--learning_rate is 0; expected more")]
    [TestCase("a text_file is here", "a text_file is here")]
    [TestCase("nothing", "nothing")]
    public void The_message_of_a_check_begins_with_the_name(string message, string written)
        => Assert.That(Field.Written(Field.First(message), name => "--" + name), Is.EqualTo(written));

    [TestCase("emoji \U0001F600", "emoji \U0001F600")]
    [TestCase("line\nend\u2028", "line?end?")]
    public void A_path_can_be_copied_from_a_message(string path, string shown)
        => Assert.That(Quoted.Path(path), Is.EqualTo(shown));

    [Test]
    public void Half_a_character_is_a_question_mark()
        => Assert.That(Quoted.Path("half \uD83D pair"), Is.EqualTo("half ? pair"));

    [Test]
    public void A_name_is_not_cut_inside_of_a_character()
        => Assert.That(Quoted.Name(new string('a', 99) + "\U0001F600b"),
            Is.EqualTo("\"" + new string('a', 99) + "?...\""));
}
