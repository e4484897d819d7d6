using System.Globalization;
using System.Runtime.InteropServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Saves and restores a fit: the running sums with all their bits, and its place in the
/// texts.</summary>
static class JacobianCheckpoint
{
    const string Format = "headtap-jacobian-1";

    static readonly string[] s_fields = ["format", "config", "prompts", "row", "metrics", "deltas"];

    internal static void Save(
        string path, string config, ComputeDevice device, JacobianProgressState state, long metricsRows)
    {
        using TensorArena arena = Room(device, state.Sums);
        string[] values =
        [
            Format, config, Text(state.Sums.Prompts), Text(state.NextRow), Text(metricsRows),
            string.Join(',', state.Deltas.Select(d => d.ToString("R", CultureInfo.InvariantCulture))),
        ];
        StateFile.Save(path, [.. s_fields.Zip(values)], Marker(arena), Sums(arena, state.Sums, upload: true));
    }

    /// <returns>Number of rows in the metrics file at that time.</returns>
    /// <exception cref="UserException">The checkpoint belongs to another call or is damaged.</exception>
    internal static long Restore(
        string path, string config, ComputeDevice device, JacobianProgressState state)
    {
        StateFile file = StateFile.Open(path, s_fields, Format);
        file.Require("config", config, "was made with other options, texts or model");
        using TensorArena arena = Room(device, state.Sums);
        (string Name, IndexTensor Tensor)[] sums = Sums(arena, state.Sums, upload: false);
        file.Read(Marker(arena), sums);
        for (int s = 0; s < sums.Length; s++)
            sums[s].Tensor.ToArray().CopyTo(Words(state.Sums.Sum[s]));
        state.Sums.Prompts = checked((int)file.Number("prompts"));
        state.NextRow = file.Number("row");
        state.Deltas.Clear();
        foreach (string text in file["deltas"].Split(',', StringSplitOptions.RemoveEmptyEntries))
            state.Deltas.Enqueue(double.TryParse(text, CultureInfo.InvariantCulture, out double delta) ? delta
                : throw file.Damaged("a field of it is no number"));
        return file.Number("metrics");
    }

    static TensorArena Room(ComputeDevice device, JacobianSums sums)
        => new(device, sums.Sum.Sum(s => 2L * s.Length + 16) + 64, "a checkpoint of Jacobians");

    // A state has at least one tensor of floats.
    static (string, Tensor)[] Marker(TensorArena arena) => [("one", arena.Upload("one", [1f], 1))];

    // A float64 as two whole numbers, so that no bit of it is lost.
    static (string Name, IndexTensor Tensor)[] Sums(TensorArena arena, JacobianSums sums, bool upload)
        => [.. sums.Sum.Select((sum, s) =>
        {
            IndexTensor tensor = arena.CutIndices($"sum.{s}", 2 * sum.Length);
            if (upload)
                tensor.Upload(Words(sum));
            return ($"sum.{s}", tensor);
        })];

    static Span<int> Words(double[] sum) => MemoryMarshal.Cast<double, int>(sum.AsSpan());

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>How far a fit is.</summary>
/// <param name="sums">The running sums.</param>
sealed class JacobianProgressState(JacobianSums sums)
{
    /// <summary>The running sums.</summary>
    internal JacobianSums Sums { get; } = sums;

    /// <summary>The row of the texts that comes next, counted with those that are too short.</summary>
    internal long NextRow { get; set; }

    /// <summary>The last deltas, at most <see cref="JacobianFitOptions.DeltaWindow"/>.</summary>
    internal Queue<double> Deltas { get; } = new();

    /// <summary>Keeps a delta.</summary>
    internal void Take(double? delta)
    {
        if (delta is not { } value)
            return;
        Deltas.Enqueue(value);
        if (Deltas.Count > JacobianFitOptions.DeltaWindow)
            Deltas.Dequeue();
    }

    /// <summary>Whether the mean has settled (see <see cref="JacobianFitOptions.Tolerance"/>).</summary>
    internal bool HasSettled(double tolerance)
        => tolerance > 0 && Sums.Prompts >= JacobianFitOptions.FewestPrompts && Deltas.Average() < tolerance;
}
