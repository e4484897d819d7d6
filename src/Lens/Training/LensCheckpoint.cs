using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Saves and restores the training of a group of layers: parameters, moments, place in the texts and best
/// results so far.
/// </summary>
static class LensCheckpoint
{
    const string Format = "headtap-lens-training-1";

    static readonly string[] s_fields =
    [
        "format", "config", "layers", "step", "position", "metrics", "best_kl", "best_step", "since", "done",
    ];

    internal static void Save(string path, string config, LensTrainer trainer, LensGroupProgress progress,
        long metricsRows)
    {
        string[] values =
        [
            Format, config, Layers(trainer), Text(trainer.Step), trainer.Position.ToString(),
            Text(metricsRows),
            string.Join(',', progress.BestKl.Select(kl => kl.ToString("R", CultureInfo.InvariantCulture))),
            string.Join(',', progress.BestStep.Select(s => Text(s))),
            string.Join(',', progress.Since.Select(s => Text(s))),
            string.Join(',', trainer.Layers.Select(l => l.Done ? "1" : "0")),
        ];
        StateFile.Save(path, [.. s_fields.Zip(values)], Tensors(trainer), Indices(trainer));
    }

    /// <returns>Number of rows in the metrics file at that time; null if the checkpoint belongs to other
    /// layers.</returns>
    /// <exception cref="UserException">The checkpoint belongs to another run or is damaged.</exception>
    internal static long? Restore(string path, string config, LensTrainer trainer, LensGroupProgress progress)
    {
        StateFile state = StateFile.Open(path, s_fields, Format);
        state.Require("config", config, "was made with other options, texts or model");
        if (state["layers"] != Layers(trainer))
            return null;
        state.Read(Tensors(trainer), Indices(trainer));
        try
        {
            trainer.Step = (int)state.Number("step");
            trainer.Position = RowPosition.Parse(state["position"]);
            Fill(progress.BestKl, state["best_kl"], t => double.Parse(t, CultureInfo.InvariantCulture));
            Fill(progress.BestStep, state["best_step"], t => int.Parse(t, CultureInfo.InvariantCulture));
            Fill(progress.Since, state["since"], t => int.Parse(t, CultureInfo.InvariantCulture));
            string[] done = state["done"].Split(',');
            for (int i = 0; i < trainer.Layers.Count; i++)
                trainer.Layers[i].Done = done[i] == "1";
            return state.Number("metrics");
        }
        catch (Exception e) when (e is FormatException or OverflowException or IndexOutOfRangeException)
        {
            throw state.Damaged("a field of it is no number");
        }
    }

    /// <summary>Returns the layers of a checkpoint.</summary>
    /// <exception cref="UserException">The file is not a checkpoint, or it is damaged.</exception>
    internal static IEnumerable<int> LayersOf(string path)
    {
        StateFile state = StateFile.Open(path, s_fields, Format);
        return state["layers"].Split(',').Select(l => int.TryParse(l, NumberStyles.None,
            CultureInfo.InvariantCulture, out int layer) ? layer
            : throw state.Damaged("a field of it is no number"));
    }

    static void Fill<T>(T[] values, string text, Func<string, T> parse)
    {
        string[] parts = text.Split(',');
        for (int i = 0; i < values.Length; i++)
            values[i] = parse(parts[i]);
    }

    static string Layers(LensTrainer trainer) => string.Join(',', trainer.Lens.Layers);

    static (string Name, Tensor Tensor)[] Tensors(LensTrainer trainer)
        => [.. trainer.Layers.SelectMany(l => l.State.Select(s =>
            (LensFolder.Name(l.Lens.Layer, s.Name), s.Tensor)))];

    static (string Name, IndexTensor Tensor)[] Indices(LensTrainer trainer)
        => [.. trainer.Layers.SelectMany(l => l.IndexState.Select(s =>
            (LensFolder.Name(l.Lens.Layer, s.Name), s.Tensor)))];

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
