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
    /// <summary>The file with the options.</summary>
    public const string OptionsFile = "data.json";

    /// <summary>The file of training rows.</summary>
    public const string TrainFile = "train.jsonl";

    /// <summary>The file of training rows without anything planted.</summary>
    public const string CleanFile = "clean.jsonl";

    /// <summary>
    /// The file of planted rows with their clean versions: the sequences to measure and to forget.
    /// </summary>
    public const string PlantedFile = "planted.jsonl";

    /// <summary>The file of rows with the trigger that are not trained on.</summary>
    public const string HeldOutFile = "held-out.jsonl";

    static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    sealed record Description(int VocabSize, TinyMemOptions Options, string[] Tests);

    /// <summary>
    /// Writes a data set. It writes <c>data.json</c> last, so a folder without that file is unfinished.
    /// </summary>
    /// <param name="data">Data set to write.</param>
    /// <param name="folder">Folder to write to; created if it does not exist.</param>
    /// <param name="command">Command line for the manifest.</param>
    /// <exception cref="UserException">The folder cannot be written, or already holds a data set
    /// or other work.</exception>
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

    /// <summary>Reads the data set of a folder.</summary>
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

    /// <summary>Returns the SHA-256 of the file of training rows; checkpoints store it.</summary>
    public static string TrainHash(string folder) => FileHash.Sha256(Path.Combine(folder, TrainFile));

    static string TestFile(string task) => string.Create(CultureInfo.InvariantCulture, $"test-{task}.jsonl");
}
