using System.Text.Json.Nodes;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>The tour's findings on the terminal.</summary>
static class TourText
{
    internal static void Print(Invocation run, TourFindings found)
    {
        run.Line($"model    {found.ModelText}");
        run.Line($"device   {found.DeviceText}");
        PrintQuestions(run, found);
        PrintHeads(run, found);
        PrintInjection(run, found);
        int secrets = found.Secrets.Count;
        run.Line($"secrets  {found.Extraction.Extracted.Count(e => e)} of {secrets} planted codes come "
            + "out word for word");
        if (found.Forgetting is not { } forgetting)
            return;
        string head = "forget   ";
        foreach (string line in forgetting.Lines(TourQuestions.ShareRight(found.Questions.OneHop)))
        {
            run.Line(head + line);
            head = "         ";
        }
    }

    internal static JsonObject Json(TourFindings found, string output)
    {
        TourInjection injection = found.Injection;
        return new JsonObject
        {
            ["model"] = found.ModelText,
            ["model_hash"] = found.Hash,
            ["device"] = found.Model.Device.Name,
            ["share_right"] = new JsonObject(found.Questions.Kinds.Select(k =>
                KeyValuePair.Create(k.Name, (JsonNode?)TourQuestions.ShareRight(k.Asked)))),
            ["injection"] = new JsonObject
            {
                ["prompt"] = injection.Question.Ask.Prompt,
                ["answer"] = injection.Question.Ask.Answer,
                ["memory"] = injection.Name,
                ["layer"] = injection.Memory.Layer,
                ["tau"] = injection.Memory.Tau,
                ["probability_before"] = injection.Question.Score.Probability,
                ["probability_after"] = injection.After.Probability,
                ["restored"] = injection.Restored,
                ["edit"] = JsonNode.Parse(injection.Spec),
            },
            ["secrets_extracted"] = found.Extraction.Share,
            ["forgetting"] = found.Forgetting is not { } forgetting ? null : new JsonObject
            {
                ["prompt"] = forgetting.Secret.Prompt,
                ["before"] = forgetting.Before,
                ["after"] = forgetting.After,
                ["others_before"] = forgetting.OthersBefore,
                ["others_after"] = forgetting.OthersAfter,
                ["one_hop_after"] = forgetting.OneHopAfter,
                ["changed_weights"] = forgetting.ChangedWeights,
                ["restored"] = forgetting.Restored,
            },
            ["report"] = output,
        };
    }

    static void PrintQuestions(Invocation run, TourFindings found)
    {
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn("question").AddColumn("right answer").AddColumn("probability")
            .AddColumn("the model writes");
        foreach ((string name, IReadOnlyList<TourQuestion> asked) in found.Questions.Kinds)
        {
            Invocation.Row(table, $"{name}: {TourQuestions.ShareRight(asked):P1} of {asked.Count} right",
                "", "", "");
            foreach (TourQuestion q in TourQuestions.Examples(asked))
                Invocation.Row(table, $"  {q.Ask.Prompt}", q.Ask.Answer.Trim(), $"{q.Score.Probability:P1}",
                    found.Questions.Continue(q.Tokens));
        }
        run.Draw(table);
    }

    static void PrintHeads(Invocation run, TourFindings found)
    {
        TourQuestion q = found.LensQuestion;
        run.Line($"heads    what each adds at the end of \"{q.Ask.Prompt}\" (right:{q.Ask.Answer})");
        Table table = Invocation.Table("head", "toward the answer", "points at", "says, by the learned lens");
        table.Columns[2].LeftAligned();
        table.Columns[3].LeftAligned();
        for (int layer = 0; layer < found.Model.Config.Layers; layer++)
            for (int head = 0; head < found.Model.Config.Heads; head++)
                Invocation.Row(table, $"{layer}.{head}", $"{found.Toward(layer, head):+0.00;-0.00;0.00}",
                    found.Top(layer, head), found.Learned?.Top(layer, head) ?? "no lens is there");
        run.Draw(table);
    }

    static void PrintInjection(Invocation run, TourFindings found)
    {
        TourInjection injection = found.Injection;
        TourQuestion q = injection.Question;
        run.Line($"inject   \"{injection.Name}\" into layer {injection.Memory.Layer}, tau "
            + $"{injection.Memory.Tau}: the best of {injection.Tried} questions never told and answered "
            + $"wrongly, all layers, {TourInjection.Taus.Length} magnitudes");
        run.Line($"         {q.Ask.Prompt} ...{q.Ask.Answer}");
        run.Line($"         before {q.Score.Probability:P2} (writes \"{found.Without}\"), "
            + $"after {injection.After.Probability:P2} (writes \"{found.With}\")");
        run.Line($"         {injection.Spec}");
        run.Line("         without the edit again: "
            + $"{(injection.Restored ? "the same bits as before" : "NOT the same bits")}");
    }
}
