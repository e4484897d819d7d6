using System.Text.Json.Nodes;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>What <c>unlearn run</c> did, as JSON and on the terminal.</summary>
/// <param name="Method">The method.</param>
/// <param name="Budget">What it was allowed.</param>
/// <param name="Given">The sets.</param>
/// <param name="Forget">Sequences that were to be forgotten.</param>
/// <param name="Done">What was done.</param>
sealed record UnlearnRunReport(
    UnlearningMethod Method, double Budget, ForgetTask Given, int Forget, UnlearnRun Done)
{
    double Seconds => Done.FindSeconds + Done.ApplySeconds;

    internal JsonObject Json(string parentHash) => new()
    {
        ["method"] = Method.Name,
        ["budget"] = Budget,
        ["forget"] = Forget,
        ["keep"] = Given.Data.Keep.Count,
        ["overlap"] = Given.Data.Overlap,
        ["before"] = Json(Done.Before),
        ["after"] = Json(Done.After),
        ["seconds"] = Seconds,
        ["find_seconds"] = Done.FindSeconds,
        ["apply_seconds"] = Done.ApplySeconds,
        ["changed_weights"] = Done.Changes.Total,
        ["layers"] = new JsonArray([.. Done.Changes.Layers.Select(Json)]),
        ["parent_hash"] = parentHash,
    };

    internal void Print(Invocation run)
    {
        run.Line($"{Method.Title}, {Budget:0.#####} {Method.BudgetOf}: {Forget} sequences to forget, "
            + $"{Given.Data.Keep.Count} to keep, {Seconds:0.00} s");
        Table table = Invocation.Table("", "memorised", "loose", "similarity", "keep loss", "keep accuracy");
        foreach ((string name, UnlearnScore score) in
            new[] { ("before", Done.Before), ("after", Done.After) })
            Invocation.Row(table, name, $"{score.Recited.Strict:P2}", $"{score.Recited.Loose:P2}",
                $"{score.Recited.MeanSimilarity:0.000}", score.Keep is { } k ? $"{k.Loss:0.0000}" : "",
                score.Keep is { } kept ? $"{kept.Accuracy:P2}" : "");
        run.Draw(table);
        Table layers = Invocation.Table("layer", "weights changed", "of them MLP", "neurons touched",
            "neurons removed");
        foreach (LayerChanges layer in Done.Changes.Layers)
            Invocation.Row(layers, $"{layer.Layer}", $"{layer.Weights}", $"{layer.MlpWeights}",
                $"{layer.Neurons}", $"{layer.RemovedNeurons}");
        run.Draw(layers);
        if (Done.Changes.Elsewhere > 0)
            run.Line($"{Done.Changes.Elsewhere} weights changed outside of the layers");
    }

    static JsonObject Json(UnlearnScore score)
    {
        JsonObject json = RecitalOptions.Json(score.Recited);
        json["keep_loss"] = score.Keep is { } keep ? JsonNumber.Of(keep.Loss) : null;
        json["keep_accuracy"] = score.Keep is { } kept ? JsonNumber.Of(kept.Accuracy) : null;
        return json;
    }

    static JsonObject Json(LayerChanges layer) => new()
    {
        ["layer"] = layer.Layer,
        ["weights"] = layer.Weights,
        ["mlp_weights"] = layer.MlpWeights,
        ["neurons"] = layer.Neurons,
        ["removed_neurons"] = layer.RemovedNeurons,
    };
}
