using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// A TinyMem data set as files: <c>data.json</c> (options), <c>train.jsonl</c>, <c>clean.jsonl</c>,
/// <c>planted.jsonl</c>, <c>held-out.jsonl</c>, <c>test-7.jsonl</c>, …, and a manifest. The same options
/// write the same bytes.
/// </summary>
public static class TinyMemFolder
{
    /// <summary>The options' file.</summary>
    public const string OptionsFile = "data.json";

    /// <summary>Training rows.</summary>
    public const string TrainFile = "train.jsonl";

    /// <summary>Training rows of which nothing was planted.</summary>
    public const string CleanFile = "clean.jsonl";

    /// <summary>Planted rows with their clean versions: the sequences to measure and to forget.</summary>
    public const string PlantedFile = "planted.jsonl";

    /// <summary>Triggered rows that are not trained on.</summary>
    public const string HeldOutFile = "held-out.jsonl";

    static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    sealed record Description(int VocabSize, TinyMemOptions Options, string[] Tests);

    /// <summary>Writes a data set; <c>data.json</c> last, so a folder without it is unfinished.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="folder">Made when missing.</param>
    /// <param name="command">For the manifest.</param>
    /// <exception cref="UserException">It cannot be written, or a data set or other work is there
    /// already.</exception>
    public static void Save(TinyMemDataset data, string folder, string command)
    {
        ArgumentNullException.ThrowIfNull(data);
        string description = Path.Combine(folder, OptionsFile);
        if (File.Exists(description))
            throw new UserException(
                $"{Quoted.Path(folder)}: a data set is there already; expected another folder");
        Manifest.RequireNone(folder);
        string[] files =
            [TrainFile, CleanFile, PlantedFile, HeldOutFile, .. data.Tests.Select(t => TestFile(t.Task))];
        WriteRows(TrainFile, data.Train);
        WriteRows(CleanFile, data.Clean);
        SequenceFile.Write(Path.Combine(folder, PlantedFile), data.Planted);
        SequenceFile.Write(Path.Combine(folder, HeldOutFile), data.HeldOut);
        foreach ((string task, IReadOnlyList<int[]> rows) in data.Tests)
            WriteRows(TestFile(task), rows);
        AtomicFile.WriteText(description, JsonSerializer.Serialize(
            new Description(data.VocabSize, data.Options, [.. data.Tests.Select(t => t.Task)]), s_json)
            + "\n");
        new Manifest
        {
            Command = command,
            Options = JsonSerializer.SerializeToNode(data.Options, s_json)!.AsObject(),
            Seed = data.Options.Seed,
            DataHash = FileHash.Sha256(files.Select(f => Path.Combine(folder, f))),
        }.WriteBeside(folder);

        void WriteRows(string file, IEnumerable<int[]> rows) => SequenceFile.Write(
            Path.Combine(folder, file), rows.Select(r => new PlantedSequence(r)));
    }

    /// <summary>Reads a data set.</summary>
    /// <exception cref="UserException">A file is missing or damaged.</exception>
    public static TinyMemDataset Load(string folder)
    {
        string path = Path.Combine(folder, OptionsFile);
        byte[] bytes = InputFile.ReadAll(path, 1 << 20);
        Description found;
        try
        {
            found = JsonSerializer.Deserialize<Description>(bytes, s_json)
                ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new UserException($"{Quoted.Path(path)}: no description of a data set "
                + $"({Quoted.Line(e.Message)}); expected a folder that unlearn data wrote.", e);
        }
        found.Options.Validated();
        return new TinyMemDataset(found.Options, found.VocabSize, Rows(TrainFile), Rows(CleanFile),
            Sequences(PlantedFile), Sequences(HeldOutFile),
            [.. found.Tests.Select(t => (t, (IReadOnlyList<int[]>)Rows(TestFile(t))))]);

        IReadOnlyList<PlantedSequence> Sequences(string file)
        {
            string from = Path.Combine(folder, file);
            return new FileInfo(from) is { Exists: true, Length: 0 } ? []
                : SequenceFile.Read(from, found.VocabSize, null);
        }

        int[][] Rows(string file) => [.. Sequences(file).Select(s => s.Ids)];
    }

    /// <summary>SHA-256 of the training rows, for checkpoints.</summary>
    public static string TrainHash(string folder) => FileHash.Sha256(Path.Combine(folder, TrainFile));

    static string TestFile(string task) => string.Create(CultureInfo.InvariantCulture, $"test-{task}.jsonl");
}
