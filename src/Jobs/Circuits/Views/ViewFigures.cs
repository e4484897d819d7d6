using HeadTap.Circuits;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>
/// The figures of <see cref="ViewJob"/>: attention of the head that the page shows first, contributions by
/// layer and head, the stream by layer and position.
/// </summary>
/// <param name="shown">What the page shows.</param>
sealed class ViewFigures(ShownPrompts shown)
{
    readonly LensText _text = new(shown.Prompt.Tokenizer);

    /// <summary>The files of the figures of a call: F.svg stands for F.attention.svg and so on, those of a
    /// second run for F.2.attention.svg.</summary>
    /// <param name="path">The name that was given.</param>
    /// <param name="runs">Number of runs, 1 or 2.</param>
    internal static IReadOnlyList<string> Files(string path, int runs)
        => [.. Enumerable.Range(0, runs).SelectMany(run => ((string[])["attention", "parts", "stream"])
            .Select(name => Path.ChangeExtension(path, (run == 0 ? "" : $"{run + 1}.") + name + ".svg")))];

    /// <summary>The figures, in the order of <see cref="Files"/>.</summary>
    internal IEnumerable<string> All()
    {
        foreach (ShownRun run in shown.Runs)
        {
            string of = shown.Runs.Count > 1 ? $", {run.Title}" : "";
            yield return Attention(run, of);
            yield return Parts(run, of);
            yield return Stream(run, of);
        }
    }

    string Attention(ShownRun run, string of)
    {
        (int layer, int head) = shown.First;
        int T = run.View.Tokens.Count;
        string[] tokens = [.. run.View.Tokens.Select(_text.Visible)];
        float[] pattern = run.View.Patterns[layer];
        return SvgChart.ValueMap($"attention of head {layer}.{head}{of}", tokens, tokens,
            (q, k) => k > q ? double.NaN : pattern[(head * T + q) * T + k], "0.00",
            new ChartAxes("key", "query"), scale: 1);
    }

    string Parts(ShownRun run, string of)
    {
        ComponentContributions added = run.View.Contributions;
        int K = shown.Chosen.Count, P = added.Components.Count, last = run.View.Tokens.Count - 1;
        int L = shown.Prompt.Config.Layers, H = shown.Prompt.Config.Heads;
        double[,] values = new double[L, H + 2];
        foreach ((int p, Component part) in added.Components.Index())
        {
            if (ShownPrompts.LayerOf(part) is not { } layer)
                continue;
            int column = part.Kind switch
            {
                ComponentKind.Head => part.Head,
                ComponentKind.AttentionBias => H,
                _ => H + 1,
            };
            int at = (last * P + p) * K;
            values[layer, column] = added.Values[at] - (shown.Wrong ? added.Values[at + 1] : 0);
        }
        string toward = _text.Visible(shown.Chosen[0])
            + (shown.Wrong ? $" less {_text.Visible(shown.Chosen[1])}" : "");
        return SvgChart.HeatMap($"what adds to the logit of {toward}{of}",
            [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
            [.. Enumerable.Range(0, H).Select(h => $"{h}"), "bias", "mlp"], (l, c) => values[l, c],
            "+0.00;-0.00;0.00", new ChartAxes("head", ""));
    }

    string Stream(ShownRun run, string of)
    {
        StreamGridRow[] rows = [.. run.Grids[0].Rows.Reverse()];
        return SvgChart.TokenMap($"the stream by the logit lens{of}", [.. rows.Select(r => r.Place)],
            [.. run.View.Tokens.Select(_text.Visible)], (l, t) =>
            {
                (int token, double p) = rows[l].Cells[t].Top[0];
                return (_text.Visible(token), p);
            }, "0 %", new ChartAxes("position", ""), scale: 1);
    }
}
