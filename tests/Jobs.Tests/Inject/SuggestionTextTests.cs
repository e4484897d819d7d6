using HeadTap.Inject;
using HeadTap.Inject.Tests;

namespace HeadTap.Jobs.Tests;

/// <summary>The sentence that gives the reason of a suggestion.</summary>
public sealed class SuggestionTextTests
{
    static readonly PromptPair s_pair = new("The capital of Japan is", "The capital of the country is",
        "Japan", "Tokyo");

    // Patching layer 1 brings 2 nats to 0.5, its head 3 alone to 0.7.
    static readonly FailingHop s_fails = new(1, 3, 2, [1.5, 0.5], [1.25, 1.5, 1.75, 0.7]);
    static readonly FailingHop s_holds = new(0, 0, 0.0123, [0.02, 0.03], [0.02, 0.02, 0.02, 0.02]);

    static string Reason(FailingHop hop, float tau, int rank, bool hasAnswer = true, bool sameNext = false)
    {
        int[] tokens = AtlasFolder.Tokenizer.Encode(" Japan");
        var before = new AnswerStanding(0.25, rank, 1.4, []);
        var chosen = new Suggestion(SuggestedMemory.Bridge, hop.Layer, tau, tokens, [], 0.25, before);
        var found = new SuggestedPair(new EncodedPair(s_pair, [1], [2], tokens, 3, 0..0), hop, before,
            [chosen], chosen, 0.5) { SameNext = sameNext };
        return new SuggestionText(AtlasFolder.Tokenizer, hasBridge: true, hasAnswer, bos: null).Result(found)
            .Reason;
    }

    const string Fails = "With layer 1's attention output at the last position as the single-hop prompt has "
        + "it, the next token is 0.50 nats from that prompt's instead of 2.00, nearer than with any other "
        + "layer's; head 1.3 alone gives 0.70; ";
    const string Holds = "The next token is 0.0123 nats from the single-hop prompt's, and no layer's "
        + "attention output of that prompt brings it nearer; ";
    const string NotFails = "The multi-hop prompt does not fail: ";

    [Test]
    public void A_prompt_that_fails_gets_its_layer_head_and_memory() => Assert.That(Reason(s_fails, 1.5f, 7),
        Is.EqualTo(Fails + "bridge (·Japan) with tau 1.5 gives 0.25."));

    [Test]
    public void Without_a_memory_that_helps_it_says_so() => Assert.That(Reason(s_holds, 0, 7),
        Is.EqualTo(Holds + "no memory of the kind asked for comes nearer than nothing."));

    [Test]
    public void A_prompt_that_does_not_fail_is_called_so()
    {
        Assert.That(Reason(s_fails, 1.5f, rank: 1),
            Does.StartWith(NotFails + "the answer is its most probable next token. " + Fails));
        Assert.That(Reason(s_fails, 1.5f, 1, hasAnswer: false), Does.StartWith(Fails),
            "an answer that was not named has no rank");
        Assert.That(Reason(s_holds, 0, 7, hasAnswer: false, sameNext: true), Does.StartWith(NotFails
            + "its most probable next token is that of the single-hop prompt. " + Holds));
        Assert.That(Reason(s_fails, 1.5f, 7, sameNext: true), Does.StartWith(Fails),
            "the answer that was named decides");
    }
}
