using HeadTap.Inject;

namespace HeadTap.Cli.Tests;

/// <summary>Numbers just outside what an option takes.</summary>
public sealed class BoundsTests
{
    const string Pair = "--explicit the_city_is --obscure a_city_is --bridge city";
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        PromptPairs.Write(s_folder["pairs.jsonl"],
        [
            new("the capital is", "the city of the north is", "capital", "the") { Split = "validation" },
            new("a city is", "a capital of a country is", "city", "city") { Split = "test" },
            new("the north is", "the country of a city is", "north", "capital") { Split = "test" },
        ]);
        s_folder.Write("text.txt", "the capital of the country is the city");
        s_folder.Write("words.txt", "a\n");
        s_folder.Write("rows.json", "[[1, 2], [3, 4]]");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    [TestCase("inject evaluate --data {pairs.jsonl} --draws 0", "--draws is 0; expected 1 or more")]
    [TestCase("inject evaluate --data {pairs.jsonl} --draws -1", "--draws is -1; expected 1 or more")]
    [TestCase("inject evaluate --data {pairs.jsonl} --choose test --measure test",
        "--choose and --measure name one split; expected two")]
    [TestCase("inject evaluate --data {pairs.jsonl} --choose train", "--choose is \"train\"")]
    [TestCase("inject random --data {pairs.jsonl} --layer 1 --count 0", "--count is 0; expected 1 or more")]
    [TestCase("inject random --data {pairs.jsonl} --layer 2", "expected layers from 0 to 1")]
    [TestCase("inject random --data {pairs.jsonl} --layer 1 --tau 1,2", "1 layer and 2 magnitudes")]
    [TestCase("inject random --data {pairs.jsonl} --layer 1 --placement published", "expected 0 to 0")]
    [TestCase("inject suggest --data {pairs.jsonl} --count 0", "--count is 0; expected 1 to 280")]
    [TestCase("inject suggest --data {pairs.jsonl} --count 281", "--count is 281; expected 1 to 280")]
    [TestCase("inject compare " + Pair + " --top 0", "--top is 0; expected 1 to 280")]
    [TestCase("inject compare --explicit a --obscure a --bridge _", "--bridge is empty; expected a word")]
    [TestCase("inject compare " + Pair + " --top 281", "--top is 281; expected 1 to 280")]
    [TestCase("inject run --text a --memory a --answer a --layer 0 --top 0", "--top is 0; expected 1 to 280")]
    [TestCase("inject run --text a --memory a --answer-id 280 --layer 0", "--answer-id is 280")]
    [TestCase("inject run --text a --memory a --answer-id -1 --layer 0", "--answer-id is -1")]
    [TestCase("inject run --text a --memory a --answer a --layer 0 --position 0-1", "--position is \"0-1\"")]
    [TestCase("lens eval --lens logit --batch {rows.json} --top 0", "--top is 0; expected 1 to 280")]
    [TestCase("lens read --lens logit --text a --top 0", "--top is 0; expected 1 to 280")]
    [TestCase("lens read --lens logit --text a --position 1", "--position is \"1\"")]
    [TestCase("lens read --lens logit --text a --position -2", "--position is \"-2\"")]
    [TestCase("lens scan --lens logit --text a --words {words.txt} --top 281", "--top is 281")]
    [TestCase("lens train --atlas --lines --out {x}", "--atlas has no value, and --lines is the next option")]
    [TestCase("lens train --atlas 1 --out {x} --learning-rate x", "is \"x\"; expected a number")]
    [TestCase("lens read --lens logit --lens-of parent --text a", "the logit lens belongs to no")]
    [TestCase("lens train --atlas 1 --out {x} --steps -1", "--steps is -1; expected 0 or more")]
    [TestCase("lens train --atlas 1 --out {x} --batch-rows 0", "--batch-rows is 0; expected 1 or more")]
    [TestCase("lens train --atlas 1 --out {x} --accumulation 0", "--accumulation is 0; expected 1 or more")]
    [TestCase("lens train --atlas 1 --out {x} --tokens-per-row 25", "--tokens-per-row is 25")]
    [TestCase("lens train --atlas 1 --out {x} --evaluate-every 0", "--evaluate-every is 0")]
    [TestCase("lens train --atlas 1 --out {x} --patience -1", "--patience is -1")]
    [TestCase("lens train --atlas 1 --out {x} --validation-rows 0", "--validation-rows is 0")]
    [TestCase("lens train --atlas 1 --out {x} --validation-share 1", "--validation-share is 1")]
    [TestCase("lens train --atlas 1 --out {x} --learning-rate 0", "--learning-rate is 0")]
    [TestCase("lens train --atlas 1 --out {x} --beta1 1", "--beta1 is 1")]
    [TestCase("lens train --atlas 1 --out {x} --clip -1", "--clip is -1; expected 0 or more")]
    [TestCase("lens train --atlas 1 --out {x} --minimum-gain -1", "--minimum-gain is -1")]
    [TestCase("lens train --atlas 1 --out {x} --layers 0,0", "a layer is named twice")]
    [TestCase("lens train --atlas 1 --out {x} --layers 2", "layers from 0 to 1")]
    [TestCase("lens train --atlas 1 --out {x} --kind low-rank --rank 21", "--rank is 21")]
    [TestCase("lens train --atlas 1 --out {x} --kind low-rank --rank 0", "--rank is 0")]
    [TestCase("lens train --atlas 1 --out {x} --plan-memory 1", "--plan-memory belongs to --plan")]
    [TestCase("lens train --atlas 1 --plan --plan-memory 0", "--plan-memory is 0")]
    [TestCase("lens train --atlas 1 --batch {rows.json} --out {x}", "texts of several kinds")]
    [TestCase("lens train --out {x}", "no texts")]
    [TestCase("lens train --atlas 1", "no folder for the lenses")]
    [TestCase("generate --text a --max-new-tokens 0", "--max-new-tokens is 0")]
    [TestCase("generate --text a --max-new-tokens 24", "--max-new-tokens is 24 after a prompt of 1")]
    [TestCase("generate --text a --stop 280", "--stop is 280")]
    [TestCase("generate --text a --stop -2", "--stop is -2")]
    [TestCase("generate --text a --temperature -1", "--temperature is -1")]
    [TestCase("generate --text a --top-k -1", "--top-k is -1")]
    [TestCase("generate --text a --top-p 0", "--top-p is 0")]
    [TestCase("generate --text a --greedy --top-p 0.5", "--greedy draws nothing")]
    [TestCase("eval --text-file {text.txt} --context 25", "a context of 25 tokens; expected 1 to 24")]
    [TestCase("eval --text-file {text.txt} --context 4 --stride 5", "a stride of 5 tokens; expected 1 to 4")]
    [TestCase("verify --tokens 0", "--tokens is 0; expected 1 to 24")]
    [TestCase("verify --tokens 25", "--tokens is 25; expected 1 to 24")]
    [TestCase("profile --tokens 25", "--tokens is 25; expected 1 to 24")]
    [TestCase("profile --tokens 4 --repeats 0", "--repeats is 0; expected 1 to 100000")]
    [TestCase("profile --batch-size 0", "--batch-size is 0")]
    [TestCase("generate --text a --threads -1", "--threads is -1")]
    [TestCase("generate --text a --threads 1025", "--threads is 1025")]
    public void It_is_one_line_and_nothing_is_written(string line, string message)
    {
        string[] before = s_folder.Entries();
        string[] args = [.. line.Split(' ').Select(word => word.StartsWith('{') ? s_folder[word[1..^1]]
            : word.Replace('_', ' '))];
        int verb = Array.FindIndex(args, a => a.StartsWith("--", StringComparison.Ordinal));
        Assert.That(Headtap.Refused([.. args[..verb], "--model", TinyModel.Folder, .. args[verb..],
            "--device", "cpu"]), Does.Contain(message));
        Assert.That(s_folder.Entries(), Is.EqualTo(before));
    }
}
