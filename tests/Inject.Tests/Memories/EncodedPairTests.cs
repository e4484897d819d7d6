using HeadTap.Runtime;
using static HeadTap.Inject.Tests.AtlasFolder;

namespace HeadTap.Inject.Tests;

public sealed class EncodedPairTests
{
    static readonly PromptPair Pair = new("The capital of Japan is",
        "The capital of the country whose currency is the yen is", "Japan", "Tokyo")
    {
        Memory = " Japan", ObscureEntity = "The country whose currency is the yen",
    };

    [Test]
    public void Prompts_get_a_BOS_where_it_is_asked_for_and_the_memory_never()
    {
        EncodedPair with = EncodedPair.Of(Pair, Tokenizer, Config, Config.BosToken, "pair"),
            without = EncodedPair.Of(Pair, Tokenizer, Config, null, "pair");
        Assert.Multiple(() =>
        {
            Assert.That(with.Obscure, Is.EqualTo((int[])[Config.BosToken!.Value, .. without.Obscure]));
            Assert.That(with.Explicit, Is.EqualTo((int[])[Config.BosToken!.Value, .. without.Explicit]));
            Assert.That(Tokenizer.Decode(with.Memory), Is.EqualTo(" Japan"));
            Assert.That(with.Answer, Is.EqualTo(Tokenizer.Encode(" Tokyo")[0]));
        });
    }

    [Test]
    public void The_entity_is_where_the_prompt_spells_it_whatever_its_case()
    {
        foreach (int? bos in (int?[])[null, Config.BosToken])
        {
            EncodedPair pair = EncodedPair.Of(Pair, Tokenizer, Config, bos, "pair");
            Assert.That(Tokenizer.Decode(pair.Obscure[pair.Entity]),
                Is.EqualTo(" the country whose currency is the yen"));
        }
        EncodedPair elsewhere = EncodedPair.Of(
            Pair with { ObscureEntity = "El país" }, Tokenizer, Config, null, "pair");
        Assert.That(elsewhere.Obscure[elsewhere.Entity], Is.Empty);
    }

    [Test]
    public void A_prompt_that_begins_with_the_BOS_keeps_one_and_its_entity()
    {
        int[] text = Tokenizer.Encode(Pair.Obscure);
        EncodedPair pair = EncodedPair.Of(Pair, Tokenizer, Config, text[0], "pair");
        Assert.That(pair.Obscure, Is.EqualTo(text));
        Assert.That(Tokenizer.Decode(pair.Obscure[pair.Entity]),
            Is.EqualTo(" the country whose currency is the yen"));
    }

    [Test]
    public void What_cannot_be_asked_is_refused_with_its_place()
    {
        Assert.Multiple(() =>
        {
            Refused(Pair with { Memory = "" }, "pairs.csv line 3: the memory has no tokens");
            Refused(Pair with { Answer = "" }, "pairs.csv line 3: the answer is empty");
            Refused(Pair with { Obscure = "" }, "pairs.csv line 3: the obscure prompt has");
            Refused(Pair with { Explicit = string.Concat(Enumerable.Repeat(" yen", 200)) },
                "pairs.csv line 3: the explicit prompt has 200 tokens");
        });
        Assert.That(() => EncodedPair.Of(Pair, Tokenizer, Config with { VocabSize = 3 }, null, "line 1"),
            Throws.TypeOf<UserException>().With.Message.Contains("outside the model's vocabulary of 3"));
    }

    static void Refused(PromptPair pair, string message) =>
        Assert.That(() => EncodedPair.Of(pair, Tokenizer, Config, null, "pairs.csv line 3"),
            Throws.TypeOf<UserException>().With.Message.StartsWith(message));
}
