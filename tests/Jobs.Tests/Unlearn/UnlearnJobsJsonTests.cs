using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using HeadTap.Unlearn;

namespace HeadTap.Jobs.Tests;

/// <summary>The JSON of each result: names, their order, and what is null.</summary>
public sealed class UnlearnJobsJsonTests
{
    static readonly EditedScore s_score = new(3, 0.5, 0.75, 0.8, 0, 1.5, double.NaN);

    [Test]
    public void A_data_set()
        => Names(new UnlearnDataResult("d", 9, 3, 2, 0, new Dictionary<string, int> { ["A_b"] = 4 }, 14, "ff")
        { Options = new TinyMemOptions() }, UnlearnJobsJson.Default.UnlearnDataResult,
            "out,train,planted,measurable,held_out,tests,A_b,vocab_size,train_hash");

    [Test]
    public void A_trained_model()
        => Names(new UnlearnTrainResult(2, 1.25, null, null, null, null, null, null, 0.5, 0.25,
                [new TrainedGroup(1, 2, 0.5)],
                new Dictionary<string, TrainedTask> { ["7"] = new(0.5, 0.25, 2, 3) })
        { Score = new TinyMemScore(null, null, []), Elapsed = TimeSpan.Zero },
            UnlearnJobsJson.Default.UnlearnTrainResult,
            "epochs,seconds,memorised,loose,similarity,correct,asked,backdoor_success,accuracy,"
            + "accuracy_without_padding,groups,group,sequences,memorised,tasks,7,accuracy,"
            + "accuracy_without_padding,perplexity,batch_perplexity");

    [Test]
    public void Secrets()
        => Names(new UnlearnSecretsResult("f", 1, "k", 2, new Dictionary<string, string> { ["A-1.j"] = "w" }),
            UnlearnJobsJson.Default.UnlearnSecretsResult, "forget,secrets,keep,documents,asked,A-1.j");

    [Test]
    public void A_measurement()
        => Names(new UnlearnMeasureResult(4, 3, 0.5, 0.5, 0.5, 0, [new RecitedGroup(0, 3, 0.5)])
        { Given = (3, 4), Written = (5, 6) }, UnlearnJobsJson.Default.UnlearnMeasureResult,
            "sequences,asked,memorised,loose,similarity,correct,groups,group,asked,memorised");

    [Test]
    public void An_edit()
    {
        const string score = "asked,memorised,loose,similarity,correct,keep_loss,keep_accuracy";
        JsonNode json = Names(new UnlearnRunResult("durable", 0.2, 3, 4, 1, s_score, s_score, 3, 1, 2, 7,
            [new EditedLayer(0, 7, 6, 5, 4)], "ff")
        { Words = ("Durable", "of all"), ChangedElsewhere = 0 }, UnlearnJobsJson.Default.UnlearnRunResult,
            $"method,budget,forget,keep,overlap,before,{score},after,{score},seconds,find_seconds,"
            + "apply_seconds,changed_weights,layers,layer,weights,mlp_weights,neurons,removed_neurons,"
            + "parent_hash");
        Assert.That((double?)json["before"]!["keep_loss"], Is.EqualTo(1.5));
        Assert.That(json["before"]!["keep_accuracy"], Is.Null, "JSON has no NaN");
    }

    [Test]
    public void An_edit_made_again()
        => Names(new UnlearnApplyResult(true, 5, "aa", "bb"), UnlearnJobsJson.Default.UnlearnApplyResult,
            "undo,elements,weights,model_hash");

    [Test]
    public void Relearning()
        => Names(new UnlearnRelearnResult(2, 3, null, [new RelearnedStep(0, 0.5, 0.5, 0.5)]),
            UnlearnJobsJson.Default.UnlearnRelearnResult,
            "sequences,rows,first_back_at,steps,steps,memorised,loose,similarity");

    [Test]
    public void A_sweep()
    {
        const string best = "method,budget,options,runs,score,";
        string[] measures = ["memorised", "loose", "similarity", "accuracy", "padded_accuracy", "keep_loss",
            "perplexity", "batch_perplexity", "seconds"];
        var after = new SweepMeasures(2, 0.5, 0.5, 0.5, 0, null, null, null, null, []);
        SweepRow ran = new(0, 0, "durable", new JsonObject(), null, 0.1, null, after, after, 1, 1, 0, []),
            failed = ran with { Method = "npo", Error = "why", Before = null, After = null };
        JsonNode json = Names(UnlearnSweepResult.Of(
            SweepSelection.Of([ran, failed], SelectionRule.Accuracy), ["m"]),
            UnlearnJobsJson.Default.UnlearnSweepResult,
            "checkpoints,model,settings,memorised,accuracy,methods," + best
            + string.Join(',', measures.Select(m => $"{m},{m}_spread")) + "," + best + "error");
        JsonNode durable = json["checkpoints"]![0]!["methods"]![0]!;
        Assert.That((double?)durable["memorised"], Is.EqualTo(0.5));
        Assert.That((durable["memorised_spread"], durable["keep_loss"]), Is.EqualTo(((JsonNode?)null,
            (JsonNode?)null)));
    }

    // All names of objects in the order in which they are written.
    static JsonNode Names<T>(T result, JsonTypeInfo<T> type, string names)
    {
        JsonNode json = JsonNode.Parse(JsonSerializer.Serialize(result, type))!;
        Assert.That(string.Join(',', Of(json)), Is.EqualTo(names));
        return json;
    }

    static IEnumerable<string> Of(JsonNode? node) => node switch
    {
        JsonObject properties => properties.SelectMany(p => Of(p.Value).Prepend(p.Key)),
        JsonArray items => items.SelectMany(Of),
        _ => [],
    };
}
