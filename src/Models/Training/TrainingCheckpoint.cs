using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A training run between two steps: weights, moments, step and place in the data. The order of the rows
/// follows from seed and epoch, so there is no generator whose state would have to be kept.
/// </summary>
static class TrainingCheckpoint
{
    const string Format = "headtap-training-1";

    static readonly string[] s_fields = ["format", "config", "data", "step", "tokens", "epoch", "row"];

    /// <summary>Writes the state of a trainer.</summary>
    /// <exception cref="UserException">The place cannot be written; an older checkpoint there is as
    /// before.</exception>
    public static void Save(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        string[] values =
        [
            Format, trainer.Config.Hash(), trainer.DataHash, Text(trainer.Step), Text(trainer.Tokens),
            Text(trainer.Position.Epoch), Text(trainer.Position.Index),
        ];
        StateFile.Save(path, [.. s_fields.Zip(values)], Tensors(trainer));
    }

    /// <summary>Puts a trainer, made with the same config and data, where the saved one was.</summary>
    /// <exception cref="UserException">The file is missing, cut short, damaged, or of another config or
    /// data. Then the trainer must not be used further.</exception>
    public static void Restore(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        StateFile state = StateFile.Open(path, s_fields, Format);
        if (state["config"] != trainer.Config.OldHash())
            state.Require("config", trainer.Config.Hash(), "was made with another config");
        state.Require("data", trainer.DataHash, "was made with other data");
        state.Read(Tensors(trainer));
        trainer.Step = (int)state.Number("step");
        trainer.Tokens = state.Number("tokens");
        trainer.Position = new EpochPosition((int)state.Number("epoch"), (int)state.Number("row"));
    }

    /// <summary>Gives a trainer, made with the same data, the weights, moments and step of another; its rows
    /// begin anew, in its own order.</summary>
    /// <exception cref="UserException">The file is missing, damaged or of other data. Then the trainer must
    /// not be used further.</exception>
    internal static void Branch(string path, Trainer trainer)
    {
        StateFile state = StateFile.Open(path, s_fields, Format);
        state.Require("data", trainer.DataHash, "was made with other data");
        state.Read(Tensors(trainer));
        trainer.Step = (int)state.Number("step");
        trainer.Tokens = state.Number("tokens");
    }

    /// <summary>Whether a file is such a checkpoint.</summary>
    internal static bool IsOne(SafetensorsReader file) =>
        file.Metadata.GetValueOrDefault(s_fields[0]) == Format;

    /// <summary>The model's tensors in a file: of a checkpoint not the moments and the checksum.</summary>
    internal static IEnumerable<SafetensorsEntry> Weights(SafetensorsReader file)
    {
        if (!IsOne(file))
            return file.Entries;
        HashSet<string> names = [.. file.Entries.Select(entry => entry.Name)];
        return file.Entries.Where(entry => entry.Name != StateFile.Digest
            && !OptimizerState.AllMoments.Any(moment => entry.Name.StartsWith($"{moment}.",
                StringComparison.Ordinal) && names.Contains(entry.Name[(moment.Length + 1)..])));
    }

    /// <summary>The steps that a checkpoint's run had done.</summary>
    /// <exception cref="UserException">The file is missing, or no checkpoint.</exception>
    internal static long StepOf(string path) => StateFile.Open(path, s_fields, Format).Number("step");

    static (string Name, Tensor Tensor)[] Tensors(Trainer trainer) =>
    [
        .. trainer.Model.Set.Included.Select(slice => (slice.Name, trainer.Model.Set[slice.Name])),
        .. trainer.Optimizer.Tensors,
    ];

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
