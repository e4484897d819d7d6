using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>Prints the result of <c>unlearn run</c>.</summary>
static class UnlearnRunReport
{
    internal static void Print(Invocation run, UnlearnRunResult done)
    {
        run.Line($"{done.Words.Title}, {done.Budget:0.#####} {done.Words.BudgetOf}: "
            + $"{Counted.Of(done.Forget, "sequence")} to forget, {done.Keep} to keep, {done.Seconds:0.00} s");
        Table table = Invocation.Table("", "memorised", "loose", "similarity", "keep loss", "keep accuracy");
        foreach ((string name, EditedScore score) in new[] { ("before", done.Before), ("after", done.After) })
            Invocation.Row(table, name, $"{score.Memorised:P2}", $"{score.Loose:P2}",
                $"{score.Similarity:0.000}", $"{score.KeepLoss:0.0000}", $"{score.KeepAccuracy:P2}");
        run.Draw(table);
        Table layers = Invocation.Table("layer", "weights changed", "of them MLP", "neurons touched",
            "neurons removed");
        foreach (EditedLayer layer in done.Layers)
            Invocation.Row(layers, $"{layer.Layer}", $"{layer.Weights}", $"{layer.MlpWeights}",
                $"{layer.Neurons}", $"{layer.RemovedNeurons}");
        run.Draw(layers);
        if (done.ChangedElsewhere > 0)
            run.Line($"{Counted.Of(done.ChangedElsewhere, "weight")} changed outside of the layers");
    }
}
