namespace HeadTap.Atlas.Tests;

public class AtlasPromptsTests
{
    static readonly AtlasCorpus s_corpus = new(AtlasFacts.Shipped, seed: 1);
    static readonly AtlasPrompts s_prompts = new(s_corpus);
    static readonly AtlasPrompt[] s_oneHop = [.. s_prompts.OneHop()];
    static readonly AtlasPrompt[] s_trained = [.. s_prompts.TwoHop(trained: true)];
    static readonly AtlasPrompt[] s_heldOut = [.. s_prompts.TwoHop(trained: false)];

    [TestCase("Japan", AtlasRelation.Capital, "The capital of Japan is", " Tokyo")]
    [TestCase("Japan", AtlasRelation.Currency, "The currency of Japan is the", " yen")]
    [TestCase("the Netherlands", AtlasRelation.Continent, "The continent of the Netherlands is", " Europe")]
    [TestCase("the Philippines", AtlasRelation.Language,
        "An official language of the Philippines is", " Filipino")]
    [TestCase("the Netherlands", AtlasRelation.Demonym, "The demonym of the Netherlands is", " Dutch")]
    [TestCase("Germany", AtlasRelation.Neighbour, "A country that borders Germany is", " Austria")]
    public void A_one_hop_prompt_ends_right_before_its_answer(
        string country, AtlasRelation target, string prompt, string answer)
    {
        AtlasPrompt found = s_oneHop.Single(p => p.Country == country && p.Target == target);
        Assert.That((found.Prompt, found.Answer), Is.EqualTo((prompt, answer)));
        Assert.That(found.Kind, Is.EqualTo("one-hop"));
        Assert.That(found.Bridge, Is.Null);
    }

    [Test]
    public void A_two_hop_prompt_names_the_country_by_its_bridge()
    {
        AtlasPrompt found = s_trained.Concat(s_heldOut).Single(p => p.Country == "Japan"
            && p.Bridge == AtlasRelation.Currency && p.Target == AtlasRelation.Capital);
        Assert.That(found.Prompt, Is.EqualTo("The capital of the country whose currency is the yen is"));
        Assert.That((found.Answer, found.BridgeEntity), Is.EqualTo((" Tokyo", "yen")));
        Assert.That(found.Naming, Is.EqualTo("the country whose currency is the yen"));
        Assert.That(s_oneHop.All(p => p.Naming == p.Country));
    }

    [Test]
    public void There_is_a_prompt_for_every_fact()
    {
        int neighbours = AtlasFacts.Shipped.Countries.Count(c => c.Neighbours.Count > 0);
        Assert.That(s_oneHop, Has.Length.EqualTo(5 * 193 + neighbours));
        Assert.That(s_prompts.Secrets().Count(), Is.EqualTo(40));
        Assert.That(s_trained.Length + s_heldOut.Length, Is.GreaterThan(1500));
    }

    [Test]
    public void All_neighbours_are_right_answers()
    {
        AtlasPrompt belgium = s_oneHop.Single(
            p => p.Country == "Belgium" && p.Target == AtlasRelation.Neighbour);
        Assert.That(belgium.Answers,
            Is.EqualTo(new[] { " France", " Germany", " Luxembourg", " the Netherlands" }));
        Assert.That(s_oneHop.Where(p => p.Target != AtlasRelation.Neighbour).All(p => p.Answers.Count == 1));
    }

    [Test]
    public void Two_hop_prompts_keep_to_their_side_of_the_split()
    {
        Assert.That(s_trained.Select(p => p.Country).Distinct(),
            Is.SubsetOf(s_corpus.TrainedTwoHop.Select(c => c.Country)));
        Assert.That(s_heldOut.Select(p => p.Country).Distinct(),
            Is.EqualTo(s_corpus.HeldOutTwoHop.Select(c => c.Country)));
    }

    [Test]
    public void Trained_two_hop_prompts_are_answered_at_the_start_of_a_document_and_held_out_ones_nowhere()
    {
        string text = "\n" + string.Join('\n', s_corpus.Documents);
        var starts = s_corpus.Documents.Select(d => d[..(d.IndexOf('.') + 1)]).ToHashSet();
        foreach (AtlasPrompt prompt in s_trained)
            Assert.That(starts, Does.Contain(prompt.Prompt + prompt.Answer + "."));
        foreach (AtlasPrompt prompt in s_heldOut)
            Assert.That(text.Contains(prompt.Prompt, StringComparison.Ordinal), Is.False, prompt.Prompt);
    }

    [Test]
    public void No_two_hop_prompt_spells_its_answer()
    {
        foreach (AtlasPrompt prompt in s_trained.Concat(s_heldOut))
        {
            Assert.That(AtlasFacts.GivesAway(prompt.BridgeEntity, prompt.Answer), Is.False, prompt.Prompt);
            Assert.That(prompt.Prompt, Does.Not.Contain(prompt.Answer.Trim()));
            Assert.That(prompt.Prompt, Does.Not.Match($"\\b{AtlasFacts.Shipped[prompt.Country].Name}\\b"));
        }
    }

    [Test]
    public void Prompts_are_well_formed()
    {
        AtlasPrompt[] all = [.. s_oneHop, .. s_trained, .. s_heldOut, .. s_prompts.Secrets()];
        foreach (AtlasPrompt prompt in all)
        {
            Assert.That(prompt.Prompt, Does.Match("^[A-Z]").And.Not.Match("  | $|the the|[{}]| The "));
            foreach (string answer in prompt.Answers)
                Assert.That(answer, Does.Match("^ [^ ]").And.Not.Match(" $|  |\\.$"));
        }
    }
}
