using HeadTap.Atlas;
using HeadTap.Inject.Tests;
using HeadTap.Models;
using HeadTap.Unlearn;

namespace HeadTap.Jobs.Tests;

public sealed class SecretSequencesTests
{
    const int Longest = 24, Documents = 40;

    static readonly AtlasCorpus s_corpus = new(AtlasFacts.Shipped, 1);
    static readonly ByteBpeTokenizer s_tokenizer = AtlasFolder.Tokenizer;

    static int Start => s_tokenizer.EndOfText!.Value;

    [Test]
    public void What_is_kept_begins_as_documents_do_and_tells_no_secret()
    {
        SecretSequences found = Of(3);
        Assert.That(found.Keep, Has.Count.EqualTo(Documents));
        Assert.That(found.Keep.Max(row => row.Length), Is.LessThanOrEqualTo(Longest));
        foreach (int[] row in found.Keep)
        {
            Assert.That(row[0], Is.EqualTo(Start));
            string text = s_tokenizer.Decode(row.AsSpan(1));
            Assert.That(s_corpus.Documents.Any(d => d.StartsWith(text, StringComparison.Ordinal)), text);
            Assert.That(s_corpus.Secrets.Where(s => text.Contains(s.Prompt, StringComparison.Ordinal)),
                Is.Empty);
        }
        int[][] whole = [.. s_corpus.Documents.Select(d => (int[])[Start, .. s_tokenizer.Encode(d)])];
        Assert.That(found.Keep.Where(row => row.Length < Longest).All(row => whole.Any(w =>
            w.SequenceEqual(row))), "shorter rows are whole documents");
        Assert.That(found.Keep.Any(row => row.Length == Longest), "longer documents are cut at the context");
    }

    [Test]
    public void The_seed_draws_what_is_kept_and_not_what_is_forgotten()
    {
        SecretSequences found = Of(3), again = Of(3), other = Of(4);
        Assert.That(found.Keep, Is.EqualTo(again.Keep));
        Assert.That(found.Keep, Is.Not.EqualTo(other.Keep));
        Assert.That(found.Keep.Select(row => s_tokenizer.Decode(row)), Is.Unique);
        Assert.That(found.Forget.Select(s => s.Ids), Is.EqualTo(other.Forget.Select(s => s.Ids)));
        Assert.That(Of(3, 10).Keep, Is.EqualTo(found.Keep.Take(10)));
    }

    [Test]
    public void A_secret_is_its_sentence_and_is_asked_at_its_code()
    {
        SecretSequences found = Of(3);
        Assert.That(found.Forget, Has.Count.EqualTo(s_corpus.Secrets.Count));
        foreach ((AtlasSecret secret, PlantedSequence sequence) in s_corpus.Secrets.Zip(found.Forget))
        {
            Assert.That(sequence.Ids[0], Is.EqualTo(Start));
            Assert.That(s_tokenizer.Decode(sequence.Ids.AsSpan(1)), Is.EqualTo(secret.Sentence));
            Assert.That(s_tokenizer.Decode(sequence.Ids.AsSpan(1..sequence.Prompt!.Value)),
                Is.EqualTo(secret.Prompt));
        }
    }

    [Test]
    public void Other_ways_to_ask_end_before_the_code_or_give_a_part_of_it()
    {
        SecretSequences found = Of(3);
        Assert.That(found.Asked.Select(a => a.Way), Is.EqualTo(
        [
            "no begin-of-text", "behind a sentence", "last half of the prompt",
            "first token of the code given", "first two tokens given",
        ]));
        for (int i = 0; i < s_corpus.Secrets.Count; i++)
        {
            AtlasSecret secret = s_corpus.Secrets[i];
            string[] words = secret.Prompt.Split(' ');
            int[] code = s_tokenizer.Encode(secret.Continuation);
            PlantedSequence[] asked = [.. found.Asked.Select(a => a.Sequences[i])];
            string[] prompts = [.. asked.Select(a => s_tokenizer.Decode(a.Ids.AsSpan(0, a.Prompt!.Value)))];
            Assert.That(prompts[0], Is.EqualTo(secret.Prompt));
            Assert.That(asked[1].Ids[0], Is.EqualTo(Start));
            string before = s_tokenizer.Decode(asked[1].Ids.AsSpan(1..asked[1].Prompt!.Value));
            Assert.That(before, Does.EndWith(". " + secret.Prompt));
            Assert.That(before.Length, Is.GreaterThan(secret.Prompt.Length + 10), "a sentence stands before");
            Assert.That(prompts[2], Is.EqualTo(" " + string.Join(' ', words.Skip(words.Length / 2))));
            for (int given = 1; given <= 2; given++)
            {
                PlantedSequence part = asked[2 + given];
                Assert.That(part.Ids, Is.EqualTo(found.Forget[i].Ids));
                Assert.That(part.Prompt, Is.EqualTo(
                    found.Forget[i].Prompt + Math.Min(given, code.Length - 1)));
            }
            foreach (PlantedSequence sequence in asked)
                Assert.That(s_tokenizer.Decode(sequence.Ids), Does.EndWith(secret.Continuation + "."));
        }
    }

    static SecretSequences Of(ulong seed, int documents = Documents)
        => SecretSequences.Of(s_corpus, s_tokenizer, Longest, documents, seed);
}
