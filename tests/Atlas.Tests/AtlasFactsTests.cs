using HeadTap.Runtime;

namespace HeadTap.Atlas.Tests;

public class AtlasFactsTests
{
    const string Header = "country\tcapital\tcurrency\tcontinent\tlanguage\tdemonym\tneighbours\n";

    static readonly AtlasFacts s_facts = AtlasFacts.Shipped;

    [Test]
    public void The_table_holds_every_member_of_the_United_Nations() =>
        Assert.That(s_facts.Countries, Has.Count.EqualTo(193));

    [Test]
    public void Countries_and_capitals_are_unique()
    {
        Assert.That(s_facts.Countries.Select(c => c.Country), Is.Unique);
        Assert.That(s_facts.Countries.Select(c => c.Capital), Is.Unique);
    }

    [Test]
    public void Neighbours_are_mutual_and_in_the_table()
    {
        foreach (AtlasCountry country in s_facts.Countries)
            foreach (string neighbour in country.Neighbours)
                Assert.That(s_facts[neighbour].Neighbours, Does.Contain(country.Country), country.Country);
    }

    [Test]
    public void Values_are_plain_ascii_without_stray_spaces()
    {
        foreach (AtlasCountry country in s_facts.Countries)
            foreach (AtlasRelation relation in Enum.GetValues<AtlasRelation>())
                foreach (string value in country.Answers(relation).Append(country.Country))
                    Assert.That(value, Does.Match("^[A-Za-z][A-Za-z'-]*( [A-Za-z][A-Za-z'-]*)*$"));
    }

    [Test]
    public void Continents_are_from_the_list_and_all_occur() =>
        Assert.That(s_facts.Countries.Select(c => c.Continent).Distinct(),
            Is.EquivalentTo(AtlasFacts.Continents));

    // Spot checks, a row from each continent and the rows that are easiest to get wrong.
    [TestCase("Japan", "Tokyo", "yen", "Asia", "Japanese", "Japanese")]
    [TestCase("the Netherlands", "Amsterdam", "euro", "Europe", "Dutch", "Dutch")]
    [TestCase("the Philippines", "Manila", "Philippine peso", "Asia", "Filipino", "Filipino")]
    [TestCase("Australia", "Canberra", "Australian dollar", "Oceania", "English", "Australian")]
    [TestCase("Brazil", "Brasilia", "real", "South America", "Portuguese", "Brazilian")]
    [TestCase("Croatia", "Zagreb", "euro", "Europe", "Croatian", "Croatian")]
    [TestCase("Nigeria", "Abuja", "naira", "Africa", "English", "Nigerian")]
    [TestCase("Niger", "Niamey", "West African CFA franc", "Africa", "Hausa", "Nigerien")]
    [TestCase("Canada", "Ottawa", "Canadian dollar", "North America", "English", "Canadian")]
    public void A_row_says_what_an_encyclopedia_says(
        string country, string capital, string currency, string continent, string language, string demonym)
    {
        AtlasCountry row = s_facts[country];
        Assert.That(
            new[] { row.Capital, row.Currency, row.Continent, row.Language, row.Demonym },
            Is.EqualTo(new[] { capital, currency, continent, language, demonym }));
    }

    [TestCase("Portugal", "Spain")]
    [TestCase("Japan", "")]
    [TestCase("Switzerland", "Austria;France;Germany;Italy;Liechtenstein")]
    [TestCase("Peru", "Bolivia;Brazil;Chile;Colombia;Ecuador")]
    public void Neighbours_are_those_on_the_map(string country, string neighbours) =>
        Assert.That(string.Join(';', s_facts[country].Neighbours), Is.EqualTo(neighbours));

    [TestCase("Japan", AtlasRelation.Currency, true)]
    [TestCase("France", AtlasRelation.Currency, false)]
    [TestCase("Austria", AtlasRelation.Language, false)]
    [TestCase("Georgia", AtlasRelation.Language, true)]
    [TestCase("Dominica", AtlasRelation.Demonym, false)]
    [TestCase("Portugal", AtlasRelation.Neighbour, false)]
    [TestCase("Japan", AtlasRelation.Neighbour, false)]
    [TestCase("Peru", AtlasRelation.Capital, true)]
    public void A_value_is_unique_when_one_country_has_it(string country, AtlasRelation relation, bool unique)
        =>
        Assert.That(s_facts.IsUnique(s_facts[country], relation), Is.EqualTo(unique));

    [TestCase("Danish krone", "Danish", true)]
    [TestCase("Mexican peso", "Mexico City", true)]
    [TestCase("Dominican peso", "Santo Domingo", true)]
    [TestCase("Lao", "Lao", true)]
    [TestCase("Guatemala City", "Panama City", false)]
    [TestCase("yen", "Tokyo", false)]
    [TestCase("Chilean peso", "Santiago", false)]
    public void A_hint_gives_away_what_it_spells(string hint, string answer, bool givesAway) =>
        Assert.That(AtlasFacts.GivesAway(hint, answer), Is.EqualTo(givesAway));

    [TestCase("the Netherlands", "The Netherlands", "The Netherlands'")]
    [TestCase("Japan", "Japan", "Japan's")]
    [TestCase("the Gambia", "The Gambia", "The Gambia's")]
    public void A_name_is_capitalised_at_the_start(string country, string atStart, string possessive)
    {
        Assert.That(s_facts[country].AtStart, Is.EqualTo(atStart));
        Assert.That(s_facts[country].PossessiveAtStart, Is.EqualTo(possessive));
    }

    [Test]
    public void An_unknown_country_is_the_users_mistake() =>
        Assert.That(() => s_facts["Netherlands"],
            Throws.TypeOf<UserException>().With.Message.Contains("no country \"Netherlands\""));

    [TestCase("no header\n", "first line")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\n", "line 2: 5 columns")]
    [TestCase(Header + "A\tB\tc\tAtlantis\tD\tE\t\n", "continent \"Atlantis\"")]
    [TestCase(Header + "A\tB \tc\tAsia\tD\tE\t\n", "stray spaces")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\t\t\n", "stray spaces")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\t\nA\tC\tc\tAsia\tD\tE\t\n", "two rows")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\t\nX\tB\tc\tAsia\tD\tE\t\n", "the Capital \"B\"")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\tZ\n", "which has no row")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\tX\nX\tC\tc\tAsia\tD\tE\t\n", "list each other")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\tX;X\nX\tC\tc\tAsia\tD\tE\tA\n", "once")]
    [TestCase(Header + "A\tB\tc\tAsia\tD\tE\tA\n", "list each other")]
    public void A_bad_table_is_refused_with_the_reason(string table, string reason) =>
        Assert.That(() => AtlasFacts.Parse(table, "t.tsv"),
            Throws.TypeOf<UserException>().With.Message.Contains(reason).And.Message.StartsWith("t.tsv"));
}
