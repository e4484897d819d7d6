using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>Files of pairs, made here: the published layouts and lines of JSON.</summary>
public sealed class PromptPairsTests
{
    const string Header = "explicit_sentence,obscure_sentence,explicit_entity,obscure_entity,answer";

    [TestCase(Header, "The yen is,\"The coin, \"\"¥\"\", is\",Japan ,the coin,Tokyo, too")]
    [TestCase("\uFEFF" + Header, "The yen is,\"The coin, \"\"¥\"\", is\",Japan ,the coin,Tokyo\r")]
    [TestCase(",explicit_sent,obscure_sent,explicit_entity,obscure_entity,fact1,fact2,answer",
        "0,The yen is,\"The coin, \"\"¥\"\", is\",Japan ,the coin,\"['a', 'b']\",x,Tokyo")]
    [TestCase(",explicit_sentence,obscure_sentence,explicit_entity,obscure_entity,fact1,fact2,answer",
        "7,The yen is,\"The coin, \"\"¥\"\", is\",Japan ,the coin,\"['a', 'b']\",x,Tokyo\n")]
    public void Published_layouts_are_known_by_their_header(string header, string row)
    {
        using var folder = new TemporaryFolder();
        row = row.Replace(",Tokyo, too", ",\"Tokyo, too\"", StringComparison.Ordinal);
        PromptPairs pairs = PromptPairs.Read(folder.Write("p.CSV", header + "\r\n" + row));
        Assert.That(pairs, Has.Count.EqualTo(1));
        Assert.That(pairs[0], Is.EqualTo(new PromptPair("The yen is", "The coin, \"¥\", is", "Japan ",
            row.Contains("too", StringComparison.Ordinal) ? "Tokyo, too" : "Tokyo")
        {
            ObscureEntity = "the coin",
        }));
        Assert.That(pairs[0].Memory, Is.EqualTo("Japan "), "the space belongs to the published number");
        Assert.That(pairs.Place(0), Does.EndWith("p.CSV line 2"));
    }

    [TestCase("a,answer\n1,2", "no column explicit_sentence, obscure_sentence, explicit_entity, "
        + "obscure_entity; the file has \"a\", \"answer\"")]
    [TestCase(Header + "\na,b,c,d,e\na,b,c,d", "line 3: 4 fields; expected 5")]
    [TestCase(Header + "\na,b,c,d,e\na,b,c,d,e,f", "line 3: 6 fields; expected 5")]
    [TestCase(Header + "\n\"a\nz\",b,c,d,e\n\na,b,,d,e", "line 5: the bridge is empty")]
    [TestCase(Header + "\na,b,c,d,\"e", "line 2 is not valid CSV")]
    [TestCase(Header + "\na,b,c,d,e\n\na,b\"x\",c,d,e", "line 4 is not valid CSV")]
    [TestCase(Header + ",answer\na,b,c,d,e,f", "two columns are named \"answer\"")]
    [TestCase(Header + "\na,b,c,d, e", "line 2: the answer \" e\" begins with a space")]
    [TestCase(Header + "\n", "there is no pair in it")]
    [TestCase("", "the file is empty")]
    public void A_wrong_table_is_one_line_with_its_place(string text, string message) =>
        Refused("p.csv", text, message);

    [Test]
    public void Lines_of_JSON_hold_the_fields_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        PromptPairs pairs = PromptPairs.Read(folder.Write("p.jsonl", """
            {"obscure":"Coin is","explicit":"Yen is","bridge":"Japan","answer":"Tokyo","obscure_entity":"x"}

            {"explicit":"a ","obscure":"b","bridge":"c","answer":"d","memory":" c","split":"s"}
            """));
        Assert.That(pairs, Is.EqualTo((PromptPair[])
        [
            new("Yen is", "Coin is", "Japan", "Tokyo") { ObscureEntity = "x" },
            new("a ", "b", "c", "d") { Memory = " c", Split = "s" },
        ]));
        Assert.That(pairs.Place(1), Does.EndWith("p.jsonl line 3"));
    }

    [TestCase("""{"explicit":"a","obscure":"b","bridge":"c"}""", "line 1: no field answer")]
    [TestCase("""{"explicit":"a","obscure":"b","bridge":"c","answer":7}""", "answer is \"7\"; expected text")]
    [TestCase("""{"explicit":"a","obscure":"b","bridge":"c","answer":null}""", "answer is \"null\"")]
    [TestCase("""{"explicit":"a","obscure":"b","bridge":"\ud800","answer":"d"}""", "is not valid JSON")]
    [TestCase("""{"explicit":"a","explicit":"b"}""", "line 1 is not valid JSON")]
    [TestCase("""["a"]""", "line 1 is no JSON object")]
    [TestCase("\n\n{", "line 3 is not valid JSON")]
    [TestCase("""{"explicit":"a","obscure":"","bridge":"c","answer":"d"}""", "the obscure prompt is empty")]
    [TestCase("""{"explicit":"a","obscure":"b","bridge":"c","answer":"d","memory":""}""", "memory is empty")]
    [TestCase("\n", "there is no pair in it")]
    public void A_wrong_line_is_one_line_with_its_place(string text, string message) =>
        Refused("p.jsonl", text, message);

    [Test]
    public void Files_of_another_ending_and_missing_ones_are_refused()
    {
        Refused("p.txt", Header, "expected a name that ends so");
        Assert.That(() => PromptPairs.Read("nowhere.csv"),
            Throws.TypeOf<UserException>().With.Message.Contains("no such file"));
    }

    [Test]
    public void What_is_written_is_read_again_and_has_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        PromptPair[] pairs =
        [
            new("\"yen\"", "a\nb", "Dušan ", "東京 <b>") { ObscureEntity = "x" },
            new("a", "b", "c", "d") { Memory = " c", Split = "s" },
        ];
        PromptPairs.Write(folder["a.jsonl"], pairs);
        PromptPairs.Write(folder["b.jsonl"], PromptPairs.Read(folder["a.jsonl"]));
        Assert.That(PromptPairs.Read(folder["b.jsonl"]), Is.EqualTo(pairs));
        string text = File.ReadAllText(folder["a.jsonl"]);
        Assert.That(File.ReadAllText(folder["b.jsonl"]), Is.EqualTo(text));
        Assert.That(text, Is.EqualTo("""
            {"explicit":"\"yen\"","obscure":"a\nb","bridge":"Dušan ","answer":"東京 <b>","obscure_entity":"x"}
            {"explicit":"a","obscure":"b","bridge":"c","answer":"d","memory":" c","split":"s"}

            """));
    }

    static void Refused(string name, string text, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, text);
        Assert.That(() => PromptPairs.Read(path), Throws.TypeOf<UserException>()
            .With.Message.Contains(message).And.Message.StartsWith(path).And.Message.Not.Contains("\n"));
    }
}
