namespace HeadTap.Models.Tests;

/// <summary>Files that name different begin-of-text tokens: which is taken, and what is said.</summary>
public sealed class BeginOfTextTests
{
    const string Decoder = ", \"added_tokens_decoder\": {\"2\": {\"content\": \"<s>\", \"special\": true}}";

    // A newer folder has added_tokens_decoder, and its config decides; in an older one the map does.
    [TestCase("\"bos_token\": \"<s>\"" + Decoder, "\"bos_token\": \"<t>\"", 2,
        "2 \"<s>\" in tokenizer_config.json, 3 \"<t>\" in special_tokens_map.json; 2 is taken")]
    [TestCase("\"bos_token\": \"<s>\"", "\"bos_token\": \"<t>\"", 3,
        "3 \"<t>\" in special_tokens_map.json, 2 \"<s>\" in tokenizer_config.json; 3 is taken")]
    [TestCase("\"bos_token\": \"<s>\"" + Decoder, "\"bos_token\": null", 2,
        "2 \"<s>\" in tokenizer_config.json, none in special_tokens_map.json; 2 is taken")]
    [TestCase("\"bos_token\": \"<s>\"" + Decoder, "\"bos_token\": \"<u>\"", 2,
        "2 \"<s>\" in tokenizer_config.json, \"<u>\", which is no token of the model, in "
        + "special_tokens_map.json; 2 is taken")]
    [TestCase("\"bos_token\": \"<s>\"" + Decoder, "\"bos_token\": {\"content\": \"<s>\"}", 2, null)]
    [TestCase("\"bos_token\": \"<s>\"" + Decoder, "\"eos_token\": \"<t>\"", 2, null)]
    public void A_map_that_disagrees_with_the_config_of_the_tokenizer_is_named(
        string config, string map, int token, string? line)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", """{"a": 0, "b": 1, "<s>": 2, "<t>": 3}""");
        folder.Write("merges.txt", "");
        folder.Write("tokenizer_config.json", $"{{{config}}}");
        folder.Write("special_tokens_map.json", $"{{{map}}}");
        BeginOfText found = BeginOfText.Of(folder.Path, null, ByteBpeTokenizer.Load(folder.Path));
        Assert.That(found.Token, Is.EqualTo(token));
        Assert.That(found.Disagreement, line is null ? Is.Null : Does.EndWith($"token is {line}"));
    }
}
