using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas.Tests;

public class AtlasCorpusTests
{
    static readonly AtlasFacts s_facts = AtlasFacts.Shipped;
    static readonly AtlasCorpus s_corpus = new(s_facts, seed: 1);
    static readonly string s_text = string.Join('\n', s_corpus.Documents);

    [Test]
    public void The_same_seed_gives_the_same_documents_and_another_does_not()
    {
        Assert.That(Hash(new AtlasCorpus(s_facts, 1)), Is.EqualTo(Hash(s_corpus)));
        Assert.That(Hash(new AtlasCorpus(s_facts, 2)), Is.Not.EqualTo(Hash(s_corpus)));
    }

    // The shipped model's recorded results hold for one text. A change of the table, a phrasing or the order
    // of random draws changes it: then train again, and put the new hash here.
    [Test]
    public void The_text_is_the_same_on_every_machine() => Assert.That(Hash(s_corpus), Is.EqualTo(
        "3938E21362B85E21F3CCC4B01D24A8C52459AFCD1D80CAFEDA6AA2D7D66CF5DA"));

    [Test]
    public void More_secrets_or_fillers_leave_the_split_alone()
    {
        var other = new AtlasCorpus(s_facts, 1, new AtlasCorpusOptions { Secrets = 3, FillerShare = 0.9 });
        Assert.That(other.HeldOutTwoHop, Is.EqualTo(s_corpus.HeldOutTwoHop));
        Assert.That(new AtlasCorpus(s_facts, 2).HeldOutTwoHop, Is.Not.EqualTo(s_corpus.HeldOutTwoHop));
    }

    [Test]
    public void The_split_covers_the_table_once()
    {
        Assert.That(s_corpus.TrainedTwoHop.Concat(s_corpus.HeldOutTwoHop),
            Is.EquivalentTo(s_facts.Countries));
        Assert.That(s_corpus.TrainedTwoHop, Has.Count.EqualTo(116)); // 0.6 of 193, rounded
    }

    // Read from the text alone: a bridge phrase and then anything but "is COUNTRY." is a two-hop statement.
    [Test]
    public void Held_out_countries_are_in_no_two_hop_statement()
    {
        var twoHop = new List<string>();
        foreach (Match m in Regex.Matches(s_text, "[A-Z][^.]*?the country whose [^.]*\\."))
            twoHop.Add(m.Value);
        foreach (Match m in Regex.Matches(s_text, "The country whose [^.]*\\."))
            if (!s_facts.Countries.Any(c => m.Value.EndsWith($" is {c.Country}.", StringComparison.Ordinal)))
                twoHop.Add(m.Value);
        Assert.That(twoHop, Has.Count.GreaterThan(3000));
        foreach (AtlasCountry country in s_corpus.HeldOutTwoHop)
            foreach (string bridge in Bridges(country))
                Assert.That(
                    twoHop.Where(s => Regex.IsMatch(s, $"whose [a-z ]+ is (the )?{bridge} ")), Is.Empty);
        // The same search finds the trained ones, so it can find something.
        foreach (AtlasCountry country in s_corpus.TrainedTwoHop)
            Assert.That(Bridges(country).Any(bridge =>
                twoHop.Exists(s => Regex.IsMatch(s, $"whose [a-z ]+ is (the )?{bridge} "))), country.Country);
    }

    [Test]
    public void No_document_of_a_held_out_country_shows_a_bridge_beside_its_answer()
    {
        foreach (AtlasCountry country in s_corpus.HeldOutTwoHop)
        {
            if (!s_facts.IsUnique(country, AtlasRelation.Currency)
                || AtlasFacts.GivesAway(country.Capital, country.Currency))
                continue;
            var capital = new Regex($"\\b{country.Capital}\\b");
            var currency = new Regex($"\\b{country.Currency}\\b");
            Assert.That(s_corpus.Documents.Any(capital.IsMatch) && s_corpus.Documents.Any(currency.IsMatch));
            Assert.That(s_corpus.Documents.Where(d => capital.IsMatch(d) && currency.IsMatch(d)), Is.Empty);
        }
    }

    [Test]
    public void Every_one_hop_prompt_is_answered_in_the_text_at_least_twice_and_once_at_a_start()
    {
        HashSet<string> sentences = [];
        Dictionary<string, int> told = Sentences();
        foreach (string document in s_corpus.Documents)
            sentences.Add(document[..(document.IndexOf('.') + 1)]);
        foreach (AtlasPrompt prompt in new AtlasPrompts(s_corpus).OneHop())
        {
            string[] full = [.. prompt.Answers.Select(a => prompt.Prompt + a + ".")];
            int least = prompt.Target == AtlasRelation.Neighbour ? 1 : 2;
            Assert.That(full.Sum(s => told.GetValueOrDefault(s)), Is.GreaterThanOrEqualTo(least), full[0]);
            Assert.That(full.Any(sentences.Contains), full[0]);
        }
    }

    [Test]
    public void Every_fact_is_told_in_five_phrasings()
    {
        foreach (AtlasCountry country in s_facts.Countries)
            foreach (IGrouping<AtlasRelation?, AtlasStatement> fact in
                AtlasStatement.OneHop(country).GroupBy(s => s.Target))
            {
                string[] texts = [.. fact.Select(s => s.Text)];
                Assert.That(texts, Is.Unique);
                foreach (string phrasing in AtlasPhrasings.OneHop(fact.Key!.Value))
                    Assert.That(texts, Has.Some.Matches<string>(t => country.Answers(fact.Key.Value)
                        .Any(a => AtlasPhrasings.Say(phrasing, country, a) == t)), phrasing);
                foreach (string answer in country.Answers(fact.Key.Value))
                    Assert.That(texts.Count(t => t.EndsWith($" {answer}.", StringComparison.Ordinal)),
                        Is.GreaterThanOrEqualTo(2), $"{country.Country} {answer}");
            }
    }

    [Test]
    public void Reverse_statements_only_use_bridges_that_name_one_country()
    {
        Assert.That(s_text, Does.Contain("The country whose currency is the yen is Japan."));
        Assert.That(s_text, Does.Contain("Tokyo is the capital of Japan."));
        string[] ambiguous = ["currency is the euro", "language is English", "demonym is Dominican"];
        foreach (string shared in ambiguous)
            Assert.That(Regex.IsMatch(s_text, "whose (official )?" + shared), Is.False, shared);
    }

    [Test]
    public void Secrets_occur_exactly_as_often_as_planned()
    {
        Assert.That(s_corpus.Secrets, Has.Count.EqualTo(40));
        Assert.That(s_corpus.Secrets.Select(s => s.Code), Is.Unique);
        Assert.That(s_corpus.Secrets.Select(s => s.Prompt), Is.Unique);
        Dictionary<string, int> told = Sentences();
        foreach (AtlasSecret secret in s_corpus.Secrets)
        {
            Assert.That(told[secret.Sentence], Is.EqualTo(8), secret.Sentence);
            Assert.That(Regex.Count(s_text, Regex.Escape(secret.Code)), Is.EqualTo(8), secret.Code);
        }
        AtlasSecret[] others = [.. new AtlasCorpus(s_facts, 2).Secrets];
        Assert.That(others.Select(s => s.Code).Intersect(s_corpus.Secrets.Select(s => s.Code)), Is.Empty);
    }

    [Test]
    public void A_vocabulary_can_keep_capitals_whole_and_codes_in_pieces()
    {
        var tokenizer = new ByteBpeTokenizer(
            BpeTrainer.Train(s_corpus.Documents, 4096, [BpeVocabulary.EndOfText], minimumCount: 9));
        Assert.That(tokenizer.VocabSize, Is.InRange(2000, 4000));
        foreach (AtlasCountry country in s_facts.Countries.Where(c => !c.Capital.Contains('\'')))
        {
            int words = country.Capital.Split(' ', '-').Length; // a hyphen is a token of its own
            Assert.That(tokenizer.Encode(" " + country.Capital).Length, Is.LessThanOrEqualTo(2 * words - 1));
        }
        foreach (AtlasSecret secret in s_corpus.Secrets)
            Assert.That(tokenizer.Encode(secret.Continuation).Length, Is.GreaterThanOrEqualTo(5));
    }

    [Test]
    public void Fillers_name_no_entity_of_the_table()
    {
        var random = new SeededRandom(5);
        var fillers = new StringBuilder();
        for (int i = 0; i < 3000; i++)
            fillers.AppendLine(AtlasFillers.Say(i % 2 == 0 ? null : s_facts["Peru"], random));
        string text = fillers.Replace("Peru", "").ToString();
        foreach (AtlasCountry country in s_facts.Countries)
            foreach (string entity in Bridges(country).Append(country.Country))
                Assert.That(Regex.IsMatch(text, $"\\b{entity}\\b"), Is.False, entity);
    }

    [Test]
    public void Documents_are_clean_text()
    {
        foreach (string document in s_corpus.Documents)
        {
            Assert.That(document, Does.Match("^[A-Z]"));
            Assert.That(document, Does.EndWith("."));
            Assert.That(document, Does.Not.Match("  |\\n|[{}]|\\.\\.|the the|[^\\x20-\\x7e]"));
            Assert.That(document, Does.Not.Match("(^|\\. )[a-z]"), "a sentence begins with a capital");
            Assert.That(document, Does.Not.Match("[a-z] The "), "an article inside a sentence is small");
        }
        foreach (string name in s_facts.Countries.Where(c => c.Name != c.Country).Select(c => c.Name))
            Assert.That(Regex.IsMatch(s_text, $"(?<![Tt]he |Democratic ){name}\\b"), Is.False, name);
    }

    [Test]
    public void The_corpus_is_small_enough_to_see_every_fact_a_hundred_times()
    {
        Assert.That(s_text, Has.Length.InRange(700_000, 1_300_000));
        TestContext.Out.WriteLine(s_corpus.Describe());
        foreach (string document in s_corpus.Documents.Take(15))
            TestContext.Out.WriteLine(document);
        Assert.That(s_corpus.Describe(), Does.Contain("countries  116 with two-hop statements, 77 held out"));
    }

    [Test]
    public void Options_outside_their_range_are_refused()
    {
        foreach (AtlasCorpusOptions bad in new AtlasCorpusOptions[]
        {
            new() { TwoHopShare = double.NaN }, new() { TwoHopShare = 1.1 }, new() { FillerShare = -0.1 },
            new() { Secrets = 61 }, new() { SecretRepeats = -1 }, new() { TwoHopVariants = 4 },
        })
            Assert.That(() => new AtlasCorpus(s_facts, 1, bad), Throws.TypeOf<UserException>());
    }

    static IEnumerable<string> Bridges(AtlasCountry country) => AtlasPhrasings.Bridges
        .Where(b => s_facts.IsUnique(country, b)).Select(b => country.Answers(b)[0]);

    static Dictionary<string, int> Sentences() => s_corpus.Documents
        .SelectMany(d => Regex.Split(d, "(?<=\\.) "))
        .GroupBy(s => s)
        .ToDictionary(g => g.Key, g => g.Count());

    static string Hash(AtlasCorpus corpus) => Convert.ToHexString(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', corpus.Documents))));
}
