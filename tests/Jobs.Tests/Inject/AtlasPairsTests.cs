using HeadTap.Inject.Tests;
using HeadTap.Inject;
using HeadTap.Atlas;

namespace HeadTap.Jobs.Tests;

/// <summary>Pairs from the atlas that weights/atlas was trained on.</summary>
public sealed class AtlasPairsTests
{
    static readonly AtlasCorpus s_corpus = new(AtlasFacts.Shipped, seed: 1);
    static readonly IReadOnlyList<PromptPair> s_pairs = AtlasPairs.HeldOut(s_corpus, seed: 0);

    [Test]
    public void A_pair_asks_one_question_twice()
    {
        PromptPair pair = s_pairs.Single(p => p.Obscure
            == "The currency of the country whose capital is Dhaka is the");
        Assert.That(pair with { Split = "" }, Is.EqualTo(new PromptPair("The currency of Bangladesh is the",
            "The currency of the country whose capital is Dhaka is the", "Bangladesh", "taka")
        {
            Memory = " Bangladesh", ObscureEntity = "the country whose capital is Dhaka",
        }));
    }

    [Test]
    public void There_are_several_hundred_about_every_held_out_country_and_each_is_asked_once()
    {
        Assert.That(s_pairs, Has.Count.EqualTo(632));
        Assert.That(s_pairs.Select(p => p.Obscure), Is.Unique);
        Assert.That(s_pairs.Select(p => p.Bridge).Distinct().Order(),
            Is.EqualTo(s_corpus.HeldOutTwoHop.Select(c => c.Name).Order()));
    }

    [Test]
    public void Both_prompts_have_the_answer_and_neither_memory_nor_prompt_spells_it()
    {
        foreach (PromptPair pair in s_pairs)
        {
            Assert.That(pair.Explicit.Replace("the " + pair.Bridge, pair.Bridge, StringComparison.Ordinal)
                .Replace(pair.Bridge, pair.ObscureEntity, StringComparison.Ordinal),
                Is.EqualTo(pair.Obscure));
            Assert.That(AtlasFacts.GivesAway(pair.Memory, pair.Answer), Is.False, pair.ToString());
            Assert.That(pair.Obscure, Does.Not.Contain(pair.Answer).And.Not.Match($"\\b{pair.Bridge}\\b"));
            Assert.That(pair.Explicit, Does.Not.Contain(pair.Answer));
            Assert.That(pair.Memory, Is.EqualTo(" " + pair.Bridge));
            Assert.That(pair.Answer, Is.Not.EqualTo(pair.Bridge).And.Match("^[^ ].*[^ ]$"));
        }
    }

    [Test]
    public void The_text_tells_both_hops_and_never_the_conclusion()
    {
        string text = string.Join('\n', s_corpus.Documents);
        foreach (PromptPair pair in s_pairs)
        {
            Assert.That(text.Contains($"{pair.Explicit} {pair.Answer}.", StringComparison.Ordinal));
            Assert.That(text.Contains($"{AtlasStart(pair.ObscureEntity)} is ", StringComparison.Ordinal));
            Assert.That(text.Contains(pair.Obscure, StringComparison.Ordinal), Is.False, pair.Obscure);
        }
    }

    [Test]
    public void Splits_share_no_country_and_are_of_like_size()
    {
        ILookup<string, PromptPair> splits = s_pairs.ToLookup(p => p.Split);
        Assert.That(splits.Select(s => s.Key), Is.EquivalentTo(["validation", "test"]));
        Assert.That(splits["validation"].Select(p => p.Bridge)
            .Intersect(splits["test"].Select(p => p.Bridge)), Is.Empty);
        Assert.That(splits["validation"].Count(), Is.InRange(280, 352));
        Assert.That(splits["validation"].Select(p => p.Bridge).Distinct().Count(), Is.EqualTo(77 / 2));
    }

    [Test]
    public void A_seed_gives_one_split_and_another_seed_another()
    {
        Assert.That(AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, 1), 0), Is.EqualTo(s_pairs));
        IReadOnlyList<PromptPair> other = AtlasPairs.HeldOut(s_corpus, seed: 1);
        Assert.That(other.Select(p => p.Split), Is.Not.EqualTo(s_pairs.Select(p => p.Split)));
        Assert.That(other.Select(p => p with { Split = "" }),
            Is.EqualTo(s_pairs.Select(p => p with { Split = "" })));
    }

    [Test]
    public void The_shipped_model_can_read_all_of_them()
    {
        foreach (PromptPair pair in s_pairs)
        {
            EncodedPair encoded =
                EncodedPair.Of(pair, AtlasFolder.Tokenizer, AtlasFolder.Config, null, "pair");
            Assert.That(encoded.Memory, Does.Not.Contain(encoded.Answer));
            Assert.That(AtlasFolder.Tokenizer.Decode(encoded.Obscure[encoded.Entity]).Trim(),
                Is.EqualTo(pair.ObscureEntity));
        }
    }

    static string AtlasStart(string naming) => char.ToUpperInvariant(naming[0]) + naming[1..];
}
