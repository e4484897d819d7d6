using System.Text.Json.Nodes;
using HeadTap.Lens;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>What <c>lens eval</c> found, as JSON and on the terminal.</summary>
/// <param name="Source">The lens.</param>
/// <param name="Name">As the user named it.</param>
/// <param name="Options">What was measured.</param>
/// <param name="Found">The measures.</param>
/// <param name="Ablation">How heads were removed.</param>
/// <param name="Removed">What that did; null where none were.</param>
sealed record LensEvalReport(LensSource Source, string Name, LensEvaluationOptions Options,
    LensEvaluationResult Found, AblationOptions Ablation, AblationResult? Removed)
{
    bool OtherTop => Options.Top is not (1 or 5);

    internal JsonObject Json()
    {
        var json = new JsonObject
        {
            ["lens"] = LensText.Word(Source.Options.Kind),
            ["rows"] = Found.Rows,
            ["positions"] = Found.Positions,
            ["chosen"] = Options.Positions.ToString(),
            ["model_entropy"] = JsonNumber.Of(Found.ModelEntropy),
            ["kl_unigram"] = Found.UnigramKl is { } kl ? JsonNumber.Of(kl) : null,
            ["layers"] = new JsonArray([.. Found.Layers.Select(Json)]),
            ["heads"] = new JsonArray([.. Found.Layers.SelectMany(l => l.Heads.Select((score, h) =>
                Score(new JsonObject { ["layer"] = l.Layer, ["head"] = h }, score)))]),
        };
        if (Removed is not null)
            json["ablation"] = new JsonObject
            {
                ["prompts"] = Removed.Prompts,
                ["to"] = Ablation.ToMean ? "mean" : "zero",
                ["lens"] = Json(Removed.Lens),
                ["logit_lens"] = Removed.LogitLens is { } logit ? Json(logit) : null,
            };
        return json;
    }

    internal void Print(Invocation run)
    {
        run.Line($"lens       {(Source.Facts is { } facts ? $"{LensText.Kind(facts.Lens)}, {Name}"
            : "the model's own unembedding (logit lens)")}");
        run.Line($"positions  {Found.Positions} of {Found.Rows} rows ({Options.Positions})");
        run.Line($"model      entropy {Found.ModelEntropy:0.000} nats; KL from unigram "
            + (Found.UnigramKl is { } kl ? $"{kl:0.000}" : "unknown"));
        string[] other = OtherTop ? [$"top-{Options.Top}"] : [];
        Table table = Invocation.Table(["layer", "KL", "logit lens", "normalized", "top-1", "top-5", .. other,
            "entropy", .. Source.ReadsHeads ? (string[])["closest head"] : []]);
        foreach (LayerScore layer in Found.Layers)
            Invocation.Row(table, [$"{layer.Layer}", $"{layer.Lens.Kl:0.000}", $"{layer.LogitLens.Kl:0.000}",
                $"{layer.Normalized.Kl:0.000}", $"{layer.Lens.Top1:P1}", $"{layer.Lens.Top5:P1}",
                .. OtherTop ? (string[])[$"{layer.Lens.TopK:P1}"] : [], $"{layer.Lens.Entropy:0.000}",
                .. Source.ReadsHeads ? (string[])[Closest(layer)] : []]);
        run.Draw(table);
        if (Removed is not null)
            PrintAblation(run, Removed);
        run.Remark("KL(model || lens) in nats; top-k: share of positions where the model's most probable "
            + "token is among the lens' k most probable");
    }

    static string Closest(LayerScore layer)
    {
        (int head, LensScore score) = layer.Heads.Index().MinBy(h => h.Item.Kl);
        return $"{head} ({score.Kl:0.000})";
    }

    static void PrintAblation(Invocation run, AblationResult removed)
    {
        run.Line("heads that are called responsible, removed: change of log p(answer), "
            + $"{removed.Prompts} prompts");
        Table table = Invocation.Table(
            "called by", "responsible", "beside", "other", "difference", "95 %", "lowers more");
        foreach ((string by, AblationOutcome? outcome) in new[]
            { ("lens", removed.Lens), ("logit lens", removed.LogitLens) })
            if (outcome is not null)
                foreach ((string beside, AblationContrast? contrast) in new[]
                    { ("any head", outcome.Random), ("its layer's", outcome.SameLayer) })
                    if (contrast is { } c)
                        Invocation.Row(table, by, $"{outcome.Change:0.000}", beside, $"{c.OtherChange:0.000}",
                            $"{c.Difference:0.000}", $"{c.Interval.Low:0.000} to {c.Interval.High:0.000}",
                            $"{c.LowersMore:P0}");
        run.Draw(table);
    }

    JsonObject Json(LayerScore layer)
    {
        JsonObject json = Score(new JsonObject { ["layer"] = layer.Layer }, layer.Lens);
        json["kl_logit_lens"] = JsonNumber.Of(layer.LogitLens.Kl);
        json["kl_logit_lens_normalized"] = JsonNumber.Of(layer.Normalized.Kl);
        json["top1_logit_lens"] = JsonNumber.Of(layer.LogitLens.Top1);
        json["top5_logit_lens"] = JsonNumber.Of(layer.LogitLens.Top5);
        json["entropy_logit_lens"] = JsonNumber.Of(layer.LogitLens.Entropy);
        return json;
    }

    JsonObject Score(JsonObject json, LensScore score)
    {
        json["kl"] = JsonNumber.Of(score.Kl);
        json["top1"] = JsonNumber.Of(score.Top1);
        json["top5"] = JsonNumber.Of(score.Top5);
        if (OtherTop)
            json[$"top{Options.Top}"] = JsonNumber.Of(score.TopK);
        json["entropy"] = JsonNumber.Of(score.Entropy);
        return json;
    }

    static JsonObject Json(AblationOutcome outcome) => new()
    {
        ["change"] = JsonNumber.Of(outcome.Change),
        ["random"] = Json(outcome.Random),
        ["same_layer"] = outcome.SameLayer is { } same ? Json(same) : null,
        ["responsible"] = new JsonArray([.. outcome.Responsible.Select(p => new JsonObject
        {
            ["layer"] = p.Layer, ["head"] = p.Head,
        })]),
    };

    static JsonObject Json(AblationContrast contrast) => new()
    {
        ["change"] = JsonNumber.Of(contrast.OtherChange),
        ["difference"] = JsonNumber.Of(contrast.Difference),
        ["low"] = JsonNumber.Of(contrast.Interval.Low),
        ["high"] = JsonNumber.Of(contrast.Interval.High),
        ["lowers_more"] = JsonNumber.Of(contrast.LowersMore),
    };
}
