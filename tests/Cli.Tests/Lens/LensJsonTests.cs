using System.Text.Json.Nodes;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>The fields of each lens verb's JSON, in their order.</summary>
public sealed class LensJsonTests
{
    static TemporaryFolder s_folder = null!;
    static string s_head = "", s_rows = "", s_words = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_head = TinyLenses.Write(s_folder, "head", new() { Kind = LensKind.Head }, [0, 1]);
        s_rows = s_folder["rows.json"];
        File.WriteAllText(s_rows, "[[5, 6, 7, 8], [9, 10], [11, 12, 13]]");
        s_words = s_folder["words.txt"];
        File.WriteAllText(s_words, "city\nnorth\n");
        File.WriteAllText(s_folder["pairs.jsonl"], new JsonObject
        {
            ["explicit"] = "the capital of the city is", ["obscure"] = "the capital of the north is",
            ["bridge"] = "city", ["answer"] = "country",
        }.ToJsonString());
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static JsonNode Json(string verb, params string[] more)
        => Headtap.Done(["lens", verb, "--model", TinyModel.Folder, "--json", .. more]).Json;

    static void Has(JsonNode? json, params string[] fields)
        => Assert.That(json!.AsObject().Select(f => f.Key), Is.EqualTo(fields));

    [Test]
    public void Of_train()
    {
        JsonNode json = Json("train", "--batch", s_rows, "--kind", "thin", "--steps", "1",
            "--batch-rows", "1", "--out", s_folder["trained"]);
        Has(json, "complete", "seconds", "layers");
        Has(json["layers"]![0], "layer", "step", "validation_kl", "validation_kl_logit_lens");
        json = Json("train", "--plan");
        Has(json, "groups", "bytes", "free_bytes", "parts");
        Has(json["parts"], "lenses", "moments, features and scratch", "activations");
    }

    [Test]
    public void Of_eval()
    {
        JsonNode json = Json("eval", "--lens", s_head, "--batch", s_rows, "--top", "7", "--ablation", "2");
        Has(json, "lens", "rows", "positions", "chosen", "model_entropy", "kl_unigram", "layers", "heads",
            "ablation");
        Has(json["layers"]![0], "layer", "kl", "top1", "top5", "top7", "entropy", "kl_logit_lens",
            "kl_logit_lens_normalized", "top1_logit_lens", "top5_logit_lens", "entropy_logit_lens");
        Has(json["heads"]![0], "layer", "head", "kl", "top1", "top5", "top7", "entropy");
        Has(json["ablation"], "prompts", "to", "lens", "logit_lens");
        Has(json["ablation"]!["lens"], "change", "random", "same_layer", "responsible");
        Has(json["ablation"]!["lens"]!["random"], "change", "difference", "low", "high", "lowers_more");
        Has(json["ablation"]!["lens"]!["responsible"]![0], "layer", "head");
        json = Json("eval", "--lens", "logit", "--batch", s_rows);
        Has(json, "lens", "rows", "positions", "chosen", "model_entropy", "kl_unigram", "layers", "heads");
    }

    [Test]
    public void Of_read()
    {
        JsonNode json = Json("read", "--lens", s_head, "--ids", "5,6,7");
        Has(json, "model_hash", "lens", "tokens", "texts", "position", "model", "layers", "heads");
        Has(json["model"]![0], "id", "text", "logit", "p");
        Has(json["layers"]![0], "layer", "favour", "top", "logit_lens");
        Has(json["heads"]![0], "layer", "head", "favour", "top", "logit_lens");
        Has(json["heads"]![0]!["top"]![0], "id", "text", "logit");
    }

    [Test]
    public void Of_scan()
    {
        JsonNode json = Json("scan", "--lens", s_head, "--ids", "5,6,7", "--words", s_words, "--top", "280");
        Has(json, "model_hash", "lens", "prompts", "words", "words_that_are_tokens", "listed_tokens", "top",
            "by_chance", "heads", "most");
        Has(json["heads"]![0], "layer", "head", "mean", "matched", "logit_lens_mean");
        Has(json["heads"]![0]!["matched"]![0], "id", "text", "prompts");
        Has(json["most"]![0], "layer", "head", "mean");
    }

    [Test]
    public void Of_memory()
    {
        Has(Json("memory", "--lens", s_head, "--from", "the capital of the city is", "--into",
            "the capital of the north is", "--answer", "country"), "layer", "head", "favour", "next_id",
            "next", "memory_ids", "memory", "holds_answer", "at_layer", "tau", "answer_id", "answer",
                "p_before",
            "p_after", "rank_before", "rank_after", "edit");
        JsonNode json = Json("memory", "--lens", s_head, "--pairs", s_folder["pairs.jsonl"]);
        Has(json, "pairs", "tokens", "tau", "at_layer", "memories");
        Has(json["memories"]![0], "memory", "mean_p", "rank_1", "repaired", "lost", "holds_answer");
    }

    [Test]
    public void Of_convert() => Has(Json("convert", "--lens", TinyLenses.Write(s_folder, "slim",
        new() { Kind = LensKind.Thin }, [0]), "--to", "head", "--out", s_folder["wide"]),
        "out", "kind", "layers", "bytes");
}
