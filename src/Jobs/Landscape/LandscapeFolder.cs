using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The values of a landscape in the order in which they are measured: in memory, or with a folder as rows of
/// <c>points.jsonl</c>, where the same call goes on to the same bits.
/// </summary>
sealed class LandscapeFolder : IDisposable
{
    /// <summary>The file of the rows.</summary>
    internal const string PointsFile = "points.jsonl";

    // What is measured of a row; null where it is not finite, and absent without test texts.
    sealed record Row(double? Loss, double Accuracy, double? TestLoss = null, double? TestAccuracy = null)
    {
        internal LandscapeValue Value => new(Loss ?? double.NaN, Accuracy,
            TestAccuracy is null ? null : TestLoss ?? double.NaN, TestAccuracy);
    }

    readonly RunFolder? _run;
    readonly JsonlWriter? _rows;
    readonly List<LandscapeValue> _values = [];

    LandscapeFolder(RunFolder? run)
    {
        _run = run;
        if (run is null)
            return;
        try
        {
            _rows = run.Rows(PointsFile);
            _values.AddRange(MeasureFiles.ReadRows<Row>(run.At(PointsFile)).Select(r => r.Value));
        }
        catch
        {
            _rows?.Dispose();
            throw;
        }
    }

    /// <summary>Values so far.</summary>
    internal IReadOnlyList<LandscapeValue> Values => _values;

    /// <summary>Checks before the work that a folder can be written and holds this kind of work or
    /// nothing.</summary>
    /// <exception cref="UserException">It holds something else, or cannot be written.</exception>
    internal static void RequirePlace(string? path)
    {
        if (path is not null)
            RunFolder.RequirePlace(path, RunFolder.ManifestFile, "a landscape");
    }

    /// <summary>Begins a landscape, or goes on with it.</summary>
    /// <param name="path">The folder; null for values in memory alone.</param>
    /// <param name="call">What decides the values.</param>
    /// <exception cref="UserException">The folder belongs to another call, or cannot be written.</exception>
    internal static LandscapeFolder Open(string? path, Func<Manifest> call)
    {
        if (path is null)
            return new(null);
        Manifest manifest = call();
        RunFolder run = RunFolder.Open(path, manifest, RunFolder.ManifestFile, [PointsFile]);
        try
        {
            run.Start(manifest);
            return new(run);
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a folder.</summary>
    internal bool IsOnDisk => _run is not null;

    /// <summary>A file of the folder.</summary>
    internal string At(string file) => _run!.At(file);

    /// <summary>Adds the next value.</summary>
    /// <param name="line">Row of <see cref="Line"/>.</param>
    /// <exception cref="UserException">It is no row, or the disk is full.</exception>
    internal void Add(string line)
    {
        _values.Add(MeasureFiles.ReadRow<Row>(line, PointsFile).Value);
        _rows?.WriteLine(line);
    }

    /// <summary>Returns the row of a value.</summary>
    /// <param name="place">Its coordinates, by name.</param>
    /// <param name="value">What was measured; what is not finite becomes null.</param>
    internal static string Line(IEnumerable<(string Name, double Value)> place, LandscapeValue value)
    {
        var row = new JsonObject();
        foreach ((string name, double number) in place)
            row[name] = number;
        row["loss"] = Number(value.Loss);
        row["accuracy"] = value.Accuracy;
        if (value.TestAccuracy is { } accuracy)
        {
            row["test_loss"] = Number(value.TestLoss!.Value);
            row["test_accuracy"] = accuracy;
        }
        return JsonlWriter.Line(row);
    }

    /// <summary>Marks the landscape as complete.</summary>
    internal void Finish() => _run?.Finish();

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows?.Dispose();
        _run?.Dispose();
    }

    static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
