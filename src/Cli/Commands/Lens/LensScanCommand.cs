using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens scan</c>: which heads write words of a list.</summary>
sealed class LensScanCommand
{
    readonly PromptOptions _prompt = new(lines: true);
    readonly LensPlaceOptions _places = new(top: 50);
    readonly Option<string> _words = new("--words")
    {
        Description = "a file of words, one a line; what follows a # is a comment", HelpName = "FILE",
        Required = true,
    };
    readonly Option<string?> _out = new("--out")
    {
        Description = "a page with a map of layers and heads", HelpName = "REPORT.html",
    };

    internal static Command Create(GlobalOptions global) => new LensScanCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("scan", "Count the words of a list among the tokens that each head points "
            + "at after prompts: where in the model a subject lives");
        _prompt.AddTo(command);
        _places.AddTo(command);
        foreach (Option option in (Option[])[_words, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        Prompt prompt = _prompt.Read(parsed);
        string file = parsed.GetValue(_words)!;
        WordSet words = WordSet.Read(file);
        ByteBpeTokenizer tokenizer = prompt.Tokenizer ?? throw new UserException(
            $"{prompt.Folder}: no tokenizer files, so tokens have no words to look up");
        bool[] listed = words.Tokens(tokenizer, prompt.Config.VocabSize);
        if (!listed.Contains(true))
            throw new UserException($"{Quoted.Path(file)}: none of its {words.Words.Count} words is a token "
                + "of this model; expected at least one");
        LensPlaces places = _places.Read(parsed, prompt.Folder, prompt.Config);
        string? page = parsed.GetValue(_out);
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        LensReadings? readings = null;
        run.WithProgress("reading", report => readings = LensReadings.OfLastTokens(
            loaded.Model, places.Source, places.Request, rows, share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            }));
        var found = new LensScanFindings(places, new LensText(tokenizer), rows.Length, words.Words.Count,
            words.Spelled(tokenizer), listed.Count(l => l), prompt.Config.VocabSize,
            WordScan.Of(readings!.Learned, listed), WordScan.Of(readings.Baseline, listed));
        if (page is not null)
        {
            LensScanReport.Make(found, Path.GetFileName(file)).Save(page);
            new Manifest
            {
                Command = "lens scan",
                Options = new JsonObject
                {
                    ["lens"] = places.Name, ["top"] = places.Request.Top, ["prompts"] = rows.Length,
                    ["words"] = Path.GetFileName(file), ["bos"] = prompt.Bos,
                },
                ModelHash = places.ModelHash,
                DataHash = FileHash.Sha256(file),
                Device = device.Name,
                Precision = device.Precision.ManifestName(),
            }.WriteBeside(page);
        }
        if (run.Json)
            run.WriteJson(found.Json());
        else
            Print(run, found);
        if (page is not null)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensScanFindings found)
    {
        run.Line($"lens      {found.Places.Text}");
        run.Line($"words     {found.Words}, of which {found.Spelled} are a token; {found.Listed} of "
            + $"{found.Vocabulary} tokens are among them");
        run.Line($"prompts   {found.Prompts}; of the {found.Places.Request.Top} tokens of each head at the "
            + $"end of a prompt, mean number in the list (by chance {found.Chance:0.0})");
        foreach ((string name, WordScan scan) in found.Scans)
        {
            Table table = Invocation.Table([name, .. found.Columns]);
            foreach (IGrouping<int, ScannedHead> layer in scan.Heads.GroupBy(h => h.Layer))
                Invocation.Row(table, [$"layer {layer.Key}", .. layer.Select(h => Number(h.Mean))]);
            run.Draw(table);
        }
        Table best = Invocation.Table("layer", "most", "words", "which");
        best.Columns[3].LeftAligned();
        foreach (ScannedHead head in found.Scans.First().Scan.Best)
            Invocation.Row(best, $"{head.Layer}", LensScanFindings.Name(head), Number(head.Mean),
                found.List(head, 8));
        run.Draw(best);
    }

    static string Number(double mean) => mean.ToString("0.0", CultureInfo.InvariantCulture);
}

/// <summary>What a scan found.</summary>
/// <param name="Places">The lens and what was read of it.</param>
/// <param name="Text">Names of tokens.</param>
/// <param name="Prompts">How many.</param>
/// <param name="Words">Words of the list.</param>
/// <param name="Spelled">Of them, those that are a single token.</param>
/// <param name="Listed">Tokens that are one of the words.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Learned">Through the lens.</param>
/// <param name="Baseline">Through the untrained lens.</param>
sealed record LensScanFindings(LensPlaces Places, LensText Text, int Prompts, int Words, int Spelled,
    int Listed, int Vocabulary, WordScan Learned, WordScan Baseline)
{
    /// <summary>Words among as many tokens drawn from the vocabulary.</summary>
    internal double Chance => (double)Places.Request.Top * Listed / Vocabulary;

    /// <summary>Maps to show, each with its lens.</summary>
    internal IEnumerable<(string Name, WordScan Scan)> Scans => Places.Source.IsBaseline
        ? [("logit lens", Learned)] : [("the lens", Learned), ("logit lens", Baseline)];

    internal string[] Columns => Places.Source.ReadsHeads
        ? [.. Places.Request.Heads.Select(h => $"head {h}")] : ["stream"];

    internal static string Name(ScannedHead head) => head.Head is { } h ? $"head {h}" : "stream";

    /// <summary>The words of a head that were found most often.</summary>
    internal string List(ScannedHead head, int most) => string.Join(' ', head.Found.Take(most)
        .Select(f => Text.Visible(f.Token))) + (head.Found.Count > most ? " ..." : "");

    internal JsonObject Json() => new()
    {
        ["model_hash"] = Places.ModelHash,
        ["lens"] = LensText.Word(Places.Source.Options.Kind),
        ["prompts"] = Prompts,
        ["words"] = Words,
        ["words_that_are_tokens"] = Spelled,
        ["listed_tokens"] = Listed,
        ["top"] = Places.Request.Top,
        ["by_chance"] = Chance,
        ["heads"] = new JsonArray([.. Learned.Heads.Zip(Baseline.Heads, (own, plain) =>
        {
            JsonObject json = Json(own);
            json["matched"] = new JsonArray([.. own.Found.Select(f => new JsonObject
            {
                ["id"] = f.Token, ["text"] = Text.Of(f.Token), ["prompts"] = f.Prompts,
            })]);
            json["logit_lens_mean"] = plain.Mean;
            return json;
        })]),
        ["most"] = new JsonArray([.. Learned.Best.Select(Json)]),
    };

    static JsonObject Json(ScannedHead head) => new()
    {
        ["layer"] = head.Layer, ["head"] = head.Head, ["mean"] = head.Mean,
    };
}
