using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class TrainingConfigTests
{
    const string Model = "\"model\": {\"layers\": 2, \"width\": 8, \"heads\": 2, \"context\": 16}";
    const string Data = "\"data\": {\"files\": [\"a.txt\"]}";
    const string Bpe = "\"tokenizer\": {\"train_bpe\": {\"vocab_size\": 300}}";
    const string Start = $"{{{Model}, {Data}, {Bpe}, \"steps\": 10";

    [Test]
    public void What_is_absent_has_nanoGPTs_defaults()
    {
        TrainingConfig config = Read(Start + "}");
        Assert.That(config.Optimizer, Is.EqualTo(new AdamWOptions
        {
            LearningRate = 6e-4f, Beta1 = 0.9f, Beta2 = 0.95f, Epsilon = 1e-8f, WeightDecay = 0.1f,
            DecayOnlyMatrices = true,
        }));
        Assert.That((config.BatchRows, config.Accumulation, config.Clip, config.Seed),
            Is.EqualTo((12, 1, 1f, 1UL)));
        Assert.That(config.Schedule.Kind, Is.EqualTo(ScheduleKind.Cosine));
        Assert.That(config.Model.Sizes!.ResidualDropout, Is.Zero);
    }

    [TestCase("")]
    [TestCase(", \"rows\": \"per-document\", \"tokens_per_row\": 9, \"accumulation\": 4, \"train\": "
        + "[\"h.*\", \"wte.weight\"]")]
    [TestCase(", \"optimizer\": {\"sgd\": {\"learning_rate\": 0.1, \"momentum\": 0.9, \"nesterov\": "
        + "true}}, \"clip\": 0")]
    [TestCase(", \"schedule\": {\"kind\": \"constant\", \"warmup_steps\": 3}, \"validation\": "
        + "{\"share\": 0.1}")]
    [TestCase(", \"schedule\": {\"minimum_rate\": 0}, \"validation\": {\"files\": [\"b.txt\"]}, "
        + "\"evaluate_every\": 7")]
    [TestCase(", \"texts\": {\"fields\": \"q,a\", \"lines\": true, \"special\": true, \"bos_token\": \"7\"}")]
    [TestCase(", \"samples\": {\"prompts\": [\"a\", \"\"], \"temperature\": 0.5, \"top_k\": 3, "
        + "\"top_p\": 0.9, \"seed\": 4, \"max_new_tokens\": 6}")]
    public void Written_out_and_read_again_it_is_the_same(string more)
    {
        TrainingConfig config = Read(Start + more + "}");
        TrainingConfig again = Read(config.ToJson().ToJsonString());
        Assert.That(again.ToJson().ToJsonString(), Is.EqualTo(config.ToJson().ToJsonString()));
        Assert.That(again.Hash(), Is.EqualTo(config.Hash()));
    }

    [Test]
    public void The_hash_knows_what_changes_the_result()
    {
        string plain = Read(Start + "}").Hash();
        foreach (string more in (string[])["\"checkpoint_every\": 3", "\"evaluate_every\": 3",
            "\"samples\": {\"prompts\": [\"a\"]}", "\"validation\": {\"files\": [\"b.txt\"]}"])
            Assert.That(Read($"{Start}, {more}}}").Hash(), Is.EqualTo(plain), more);
        foreach (string more in (string[])["\"seed\": 2", "\"clip\": 2", "\"batch_rows\": 3",
            "\"train\": [\"h.*\"]", "\"validation\": {\"share\": 0.1}", "\"texts\": {\"special\": true}"])
            Assert.That(Read($"{Start}, {more}}}").Hash(), Is.Not.EqualTo(plain), more);
        Assert.That(Read($"{{{Model}, {Data}, {Bpe}, \"steps\": 9}}").Hash(), Is.Not.EqualTo(plain));
        const string constant = ", \"schedule\": {\"kind\": \"constant\"}}";
        Assert.That(Read($"{{{Model}, {Data}, {Bpe}, \"steps\": 9{constant}").Hash(),
            Is.EqualTo(Read(Start + constant).Hash()));
    }

    [TestCase(Start + ", \"learning_rate\": 1}", "unknown field \"learning_rate\"")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {\"lr\": 1}}}", "optimizer: adamw: unknown field \"lr\"")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {}, \"sgd\": {}}}", "unknown field \"sgd\"")]
    [TestCase(Start + ", \"optimizer\": {}}", "sgd is missing")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {\"learning_rate\": 0}}}", "learning_rate is 0")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {\"beta2\": 1}}}", "beta2 is 1")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {\"epsilon\": 0}}}", "epsilon is 0")]
    [TestCase(Start + ", \"optimizer\": {\"adamw\": {\"weight_decay\": -1}}}", "weight_decay is -1")]
    [TestCase(Start + ", \"optimizer\": {\"sgd\": {\"nesterov\": true}}}", "nesterov needs momentum")]
    [TestCase(Start + ", \"schedule\": {\"kind\": \"linear\"}}",
        "kind is \"linear\"; expected \"cosine\" or \"constant\"")]
    [TestCase(Start + ", \"schedule\": {\"minimum_rate\": 1}}", "minimum_rate is 1")]
    [TestCase(Start + ", \"schedule\": {\"warmup_steps\": -1}}", "warmup_steps is -1")]
    [TestCase(Start + ", \"rows\": \"both\"}", "rows is \"both\"")]
    [TestCase(Start + ", \"batch_rows\": 0}", "batch_rows is 0")]
    [TestCase(Start + ", \"batch_rows\": 1.5}", "batch_rows is \"1.5\"")]
    [TestCase(Start + ", \"accumulation\": 0}", "accumulation is 0")]
    [TestCase(Start + ", \"epochs\": 1}", "expected steps or epochs")]
    [TestCase(Start + ", \"clip\": -1}", "clip is -1")]
    [TestCase(Start + ", \"train\": []}", "train is empty")]
    [TestCase(Start + ", \"train\": [3]}", "train is \"[3]\"")]
    [TestCase(Start + ", \"checkpoint_every\": -1}", "checkpoint_every is -1")]
    [TestCase(Start + ", \"evaluate_every\": 0}", "evaluate_every is 0")]
    [TestCase(Start + ", \"validation\": {\"share\": 1}}", "share is 1")]
    [TestCase(Start + ", \"validation\": {}}", "validation needs either")]
    [TestCase(Start + ", \"texts\": {\"field\": \"a\"}}", "texts: unknown field \"field\"")]
    [TestCase(Start + ", \"texts\": {\"lines\": 1}}", "lines is \"1\"; expected true or false")]
    [TestCase(Start + ", \"texts\": {\"fields\": \"a,b,c\"}}", "texts: fields is \"a,b,c\"")]
    [TestCase(Start + ", \"texts\": {\"bos\": false}}", "texts: bos is false; expected true, or rows")]
    [TestCase(Start + ", \"samples\": {}}", "samples: prompts is missing")]
    [TestCase(Start + ", \"samples\": {\"prompts\": []}}", "samples: prompts is empty")]
    [TestCase(Start + ", \"samples\": {\"prompts\": [\"a\"], \"max_new_tokens\": 0}}",
        "samples: max_new_tokens is 0")]
    [TestCase(Start + ", \"samples\": {\"prompts\": [\"a\"], \"temperature\": -1}}",
        "samples: temperature is -1")]
    [TestCase(Start + ", \"samples\": {\"prompts\": [\"a\"], \"temperature\": NaN}}", "train.json")]
    [TestCase(Start + ", \"samples\": {\"prompts\": [\"a\"], \"top_p\": 0}}", "samples: top_p is 0")]
    [TestCase(Start + ", \"samples\": {\"prompts\": [\"a\"], \"seed\": -1}}", "seed is \"-1\"")]
    [TestCase($"{{{Model}, {Bpe}, \"steps\": 1}}", "data is missing")]
    [TestCase($"{{{Model}, {Bpe}, \"steps\": 1, \"data\": {{\"files\": []}}}}", "data needs either")]
    [TestCase($"{{{Model}, {Data}, \"steps\": 1}}", "tokenizer is missing")]
    [TestCase($"{{{Model}, {Data}, {Bpe}}}", "expected steps or epochs")]
    [TestCase($"{{{Model}, {Data}, {Bpe}, \"steps\": 0}}", "steps is 0")]
    [TestCase($"{{{Data}, {Bpe}, \"steps\": 1}}", "model is missing")]
    [TestCase($"{{\"model\": {{\"layers\": 1, \"width\": 9, \"heads\": 2, \"context\": 4}}, {Data}, {Bpe}}}",
        "model: width 9 is not divisible by heads 2")]
    [TestCase($"{{\"model\": {{\"layers\": 0, \"width\": 8, \"heads\": 2, \"context\": 4}}, {Data}, {Bpe}}}",
        "model: layers is 0; expected 1 to 1024")]
    [TestCase($"{{\"model\": {{\"from\": \"x\", \"layers\": 2}}, {Data}, \"steps\": 1}}",
        "unknown field \"layers\"")]
    [TestCase($"{{\"model\": {{\"layers\": 1}}, {Data}, {Bpe}, \"steps\": 1}}", "context is missing")]
    [TestCase($"{{{Model}, {Data}, \"tokenizer\": {{\"train_bpe\": {{\"vocab_size\": 9}}}}, \"steps\": 1}}",
        "vocab_size is 9")]
    public void A_wrong_field_is_named_in_one_line(string json, string message)
    {
        var e = Assert.Throws<UserException>(() => Read(json));
        Assert.That(e!.Message, Does.Contain(message).And.Contain("train.json").And.Not.Contain("\n"));
    }

    static TrainingConfig Read(string json)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory,
            $"{TestContext.CurrentContext.Test.ID}train.json");
        File.WriteAllText(path, json);
        try
        {
            return TrainingConfig.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
