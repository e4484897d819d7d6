using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The folder of a plan: <c>sweep.json</c>, the record of the call with the hash of the list;
/// <c>manifest.jsonl</c>, the list, one cell a line; and what was computed so far
/// (<see cref="CellStore"/>). Record and list never change.
/// </summary>
sealed class PlannedSweep
{
    internal const string RecordFile = "sweep.json", CellsFile = "manifest.jsonl", Logs = "logs";
    const string CallField = "call", CountField = "cells", HashField = "manifest_hash",
        PlaceField = "planned_in", CommandStart = "sweep plan ";

    static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter() },
    };

    readonly Manifest _record;

    PlannedSweep(string folder, Manifest record, ISweepOptions call, int count)
    {
        (Folder, _record, Call, Count) = (folder, record, call, count);
        Store = new CellStore(folder, Hash, count);
    }

    /// <summary>The folder.</summary>
    internal string Folder { get; }

    /// <summary>Options of the verb, without a folder.</summary>
    internal ISweepOptions Call { get; }

    /// <summary>Number of cells.</summary>
    internal int Count { get; }

    /// <summary>Hash of the list of cells.</summary>
    internal string Hash => Text(HashField);

    /// <summary>The folder in which it was planned: relative paths begin there.</summary>
    internal string PlannedIn => Text(PlaceField);

    /// <summary>What was computed.</summary>
    internal CellStore Store { get; }

    /// <summary>Writes a plan, or finds the same one there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="call">Options of the verb.</param>
    /// <param name="context">Context; its seed, device and precision become the plan's.</param>
    /// <returns>The plan, and whether it was there already.</returns>
    /// <exception cref="UserException">An option does not fit, or the folder holds something
    /// else.</exception>
    internal static (PlannedSweep Plan, bool Before) Write(
        string folder, ISweepOptions call, JobContext context)
    {
        RunFolder.RequirePlace(folder, RecordFile, "a plan");
        call = call.In("");
        CellSweep sweep = call.Read(context);
        string cells = string.Concat(Enumerable.Range(0, sweep.Count).Select(i => Line(i, sweep) + "\n"));
        var record = new Manifest
        {
            Command = CommandStart + call.Verb,
            Options = new JsonObject
            {
                [CallField] = JsonSerializer.SerializeToNode(call, s_format),
                [CountField] = sweep.Count,
                [HashField] = HashOf(Encoding.UTF8.GetBytes(cells)),
                [PlaceField] = Environment.CurrentDirectory,
            },
            Seed = context.Seed,
            ModelHash = ModelHash(sweep),
            DataHash = DataHash(sweep),
            Device = context.DeviceName,
            Precision = context.Precision.ManifestName(),
        };
        using RunFolder run = RunFolder.Open(folder, record, RecordFile, [CellsFile], [PlaceField]);
        bool before = File.Exists(run.At(CellsFile));
        if (!before)
        {
            run.Start(record);
            Directory.CreateDirectory(run.At(Logs));
            AtomicFile.WriteText(run.At(CellsFile), cells);
        }
        return (Open(folder), before);

        static string Line(int cell, CellSweep sweep)
        {
            var json = new JsonObject { ["cell"] = cell };
            foreach ((string name, JsonNode? value) in sweep.Describe(cell))
                json[name] = value?.DeepClone();
            return JsonlWriter.Line(json);
        }
    }

    /// <summary>Opens a plan, and checks that its list is the one that was written.</summary>
    /// <exception cref="UserException">There is none, or it was changed.</exception>
    internal static PlannedSweep Open(string folder)
    {
        string record = Path.Combine(folder, RecordFile), cells = Path.Combine(folder, CellsFile);
        if (!Directory.Exists(folder) || !File.Exists(record) || !File.Exists(cells))
            throw new UserException($"{Quoted.Path(folder)}: has no {RecordFile} and {CellsFile}; expected "
                + "the folder of headtap sweep plan");
        Manifest made = Manifest.Read(record);
        byte[] list = InputFile.ReadAll(cells, int.MaxValue);
        try
        {
            ISweepOptions call = made.Options[CallField].Deserialize<ISweepOptions>(s_format)
                ?? throw new JsonException("no call");
            var plan = new PlannedSweep(folder, made, call, (int)made.Options[CountField]!);
            _ = plan.PlannedIn;
            if (HashOf(list) != plan.Hash || list.AsSpan().Count((byte)'\n') != plan.Count)
                throw new UserException($"{Quoted.Path(cells)}: is not the list that {RecordFile} has the "
                    + "hash of; a plan is never changed, so plan again in a new folder");
            return plan;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException
            or FormatException or OverflowException or NullReferenceException or ArgumentException)
        {
            throw new UserException($"{Quoted.Path(record)}: is no record of a plan "
                + $"({Quoted.Line(e.Message)}); plan again in a new folder", e);
        }
    }

    /// <summary>The context of the plan's cells: with the seed, the precision and, unless another is named,
    /// the device of the plan.</summary>
    /// <exception cref="UserException">Another seed or precision is named.</exception>
    internal JobContext ContextOf(JobContext context)
    {
        if (context.GivenSeed is { } seed && seed != _record.Seed)
            throw Differs("the seed", $"{_record.Seed}", $"{seed}");
        Precision precision = Enum.GetValues<Precision>().FirstOrDefault(
            p => p.ManifestName() == _record.Precision);
        if (context.Precision != Precision.Fp32 && context.Precision != precision)
            throw Differs("the precision", precision.Name(), context.Precision.Name());
        return context with
        {
            GivenSeed = _record.Seed, Precision = precision,
            DeviceName = context.DeviceName == "auto" ? _record.Device ?? "auto" : context.DeviceName,
        };
    }

    /// <summary>Reads the sweep again, and checks that program, models and data are those of the
    /// plan.</summary>
    /// <param name="context">Context of <see cref="ContextOf"/>.</param>
    /// <exception cref="UserException">Something differs or is not there.</exception>
    internal CellSweep Read(JobContext context)
    {
        var now = new Manifest { Command = _record.Command };
        if (now.CodeVersion != _record.CodeVersion)
            throw new UserException($"{Quoted.Path(Folder)}: was planned by version "
                + $"{Quoted.Line(_record.CodeVersion)} of headtap, and this is {now.CodeVersion}; cells of "
                + "two versions may differ, so use that version or plan again in a new folder");
        CellSweep sweep;
        try
        {
            sweep = Call.Read(context);
        }
        catch (UserException e) when (!SamePlace(Environment.CurrentDirectory, PlannedIn))
        {
            throw new UserException(e.Written(Field.Of) + $" (planned in {Quoted.Path(PlannedIn)}, where "
                + "relative paths begin; this is another folder)", e);
        }
        if (ModelHash(sweep) != _record.ModelHash)
            throw new UserException($"{Quoted.Path(string.Join(',', sweep.Models))}: the model is another "
                + $"than that of the plan in {Quoted.Path(Folder)}; expected the same weights, or a new "
                + "plan");
        if (DataHash(sweep) != _record.DataHash || sweep.Count != Count)
            throw new UserException($"{Quoted.Path(string.Join(',', sweep.Files))}: what the data files hold "
                + $"has changed since the plan in {Quoted.Path(Folder)}; expected the same data, or a new "
                + "plan");
        return sweep;
    }

    static UserException Differs(string what, string planned, string given) => new(
        $"{what} is {planned} in the plan and {given} here; leave it out, or plan again in a new folder");

    static bool SamePlace(string a, string b) => RealPath.Comparer.Equals(RealPath.Of(a), RealPath.Of(b));

    static string ModelHash(CellSweep sweep) => string.Join(',', sweep.Models.Select(ModelFolder.Hash));

    static string? DataHash(CellSweep sweep)
        => sweep.Files.Count == 0 ? null : FileHash.Sha256(sweep.Files);

    static string HashOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    string Text(string field) => (string?)_record.Options[field]
        ?? throw new JsonException($"no {field}");
}
