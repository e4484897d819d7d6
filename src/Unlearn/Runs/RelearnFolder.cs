using System.Globalization;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The files of a relearning in a <see cref="RunFolder"/>: <c>metrics.jsonl</c>, one line per measurement
/// with every recital; a checkpoint while the run lasts; <c>manifest.json</c> at the end.
/// </summary>
public sealed class RelearnFolder : IDisposable
{
    const string Format = "headtap-relearning-1";

    static readonly string[] s_fields = ["format", "call", "steps", "rows"];

    static readonly JsonSerializerOptions s_row = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    sealed record Row(int Steps, double Memorised, double Loose, double Similarity, int Given,
        IReadOnlyList<Recital> Recitals);

    readonly RunFolder _run;
    readonly Manifest _call;
    JsonlWriter? _rows;

    RelearnFolder(RunFolder run, Manifest call) => (_run, _call) = (run, call);

    /// <summary>Whether the same call has already run to its end.</summary>
    public bool Complete => _run.IsComplete(_call);

    /// <summary>Opens the folder of a relearning, or creates it.</summary>
    /// <exception cref="UserException">The folder belongs to another call, another process uses it, or it
    /// cannot be written.</exception>
    public static RelearnFolder Open(string path, Manifest call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return new(RunFolder.Open(path, call, results: [RunFolder.ManifestFile]), call);
    }

    /// <summary>Reads the measurements in the folder.</summary>
    /// <exception cref="UserException">A row is damaged.</exception>
    public IReadOnlyList<RelearnedAt> Read() => ReadFirst(int.MaxValue);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows?.Dispose();
        _run.Dispose();
    }

    /// <summary>
    /// Restores model and trainer from the checkpoint; without a checkpoint it leaves them unchanged.
    /// </summary>
    /// <returns>The measurements before the checkpoint.</returns>
    /// <exception cref="UserException">The checkpoint or a row is damaged, or belongs to another
    /// call.</exception>
    internal IReadOnlyList<RelearnedAt> Resume(LanguageModel model, RowTrainer trainer)
    {
        int rows = 0;
        if (_run.HasCheckpoint)
        {
            StateFile state = StateFile.Open(_run.Checkpoint, s_fields, Format);
            state.Require("call", Identity, "was made by another call");
            state.Read(Tensors(model, trainer));
            trainer.Resume((int)state.Number("steps"));
            rows = (int)state.Number("rows");
        }
        _run.Start(_call);
        _rows = _run.Rows(RunFolder.MetricsFile, rows);
        return ReadFirst(rows);
    }

    internal void Add(RelearnedAt at)
        => _rows!.Write(new Row(at.Steps, at.Recited.Strict, at.Recited.Loose, at.Recited.MeanSimilarity,
            at.Recited.Given, at.Recited.Recitals));

    internal void Save(LanguageModel model, RowTrainer trainer) => _run.Save(_rows!, path => StateFile.Save(
        path, [.. s_fields.Zip([Format, Identity, Text(trainer.Steps), Text(_rows!.Rows)])],
        Tensors(model, trainer)));

    /// <summary>Writes the manifest and marks the relearning as complete.</summary>
    internal void Finish()
    {
        _call.Write(_run.At(RunFolder.ManifestFile));
        _run.Finish();
        File.Delete(_run.Checkpoint);
    }

    string Identity => $"{_call.Options.ToJsonString()} {_call.Seed} {_call.ModelHash} {_call.DataHash}";

    IReadOnlyList<RelearnedAt> ReadFirst(int rows)
    {
        string path = _run.At(RunFolder.MetricsFile);
        var found = new List<RelearnedAt>();
        using var stream = new StreamReader(InputFile.Open(path, FileShare.ReadWrite));
        while (found.Count < rows && stream.ReadLine() is { } line)
            try
            {
                Row row = JsonSerializer.Deserialize<Row>(line, s_row) ?? throw new JsonException("no row");
                found.Add(new(row.Steps, new(row.Given, row.Recitals)));
            }
            catch (JsonException e)
            {
                throw new UserException(
                    $"{Quoted.Path(path)} line {found.Count + 1}: damaged ({Quoted.Line(e.Message)})", e);
            }
        return found;
    }

    static (string Name, Tensor Tensor)[] Tensors(LanguageModel model, RowTrainer trainer)
        => [.. model.Set.Included.Select(s => (s.Name, model.Set[s.Name])), .. trainer.State];

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
