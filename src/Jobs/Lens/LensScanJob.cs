using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensScanJob"/>.</summary>
public sealed record LensScanOptions
{
    /// <summary>The model and prompts.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>The lens and what is read of it.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>A file of words, one on each line; what follows a # is a comment.</summary>
    public required string Words { get; init; }

    /// <summary>A page with a map of layers and heads; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>A token of the list among a head's tokens.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Prompts">Number of prompts where the head points at it.</param>
public sealed record MatchedToken(int Id, string Text, int Prompts);

/// <summary>How many of a head's tokens are in the list.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Head">The head, from 0; null for the stream, where the lens reads that.</param>
/// <param name="Mean">Tokens of the list among the head's, mean over prompts.</param>
public sealed record ScannedPlace(int Layer, int? Head, double Mean);

/// <summary>The tokens of a head that are in the list.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Head">The head, from 0; null for the stream, where the lens reads that.</param>
/// <param name="Mean">Tokens of the list among the head's, mean over prompts.</param>
/// <param name="Matched">These tokens, most often first.</param>
/// <param name="LogitLensMean">The mean by the logit lens.</param>
public sealed record ScannedWords(
    int Layer, int? Head, double Mean, IReadOnlyList<MatchedToken> Matched, double LogitLensMean);

/// <summary>Which heads write words of a list.</summary>
/// <param name="ModelHash">Of the model's folder.</param>
/// <param name="Lens">The lens' kind.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Words">Number of words in the list.</param>
/// <param name="WordsThatAreTokens">Number of words that are a single token.</param>
/// <param name="ListedTokens">Number of tokens that are one of the words.</param>
/// <param name="Top">Tokens of each head.</param>
/// <param name="ByChance">Words among as many tokens drawn from the vocabulary.</param>
/// <param name="Heads">By layer and head.</param>
/// <param name="Most">By layer: the head with the most words.</param>
public sealed record LensScanResult(string ModelHash, string Lens, int Prompts, int Words,
    int WordsThatAreTokens, int ListedTokens, int Top, double ByChance, IReadOnlyList<ScannedWords> Heads,
    IReadOnlyList<ScannedPlace> Most)
{
    /// <summary>The scan that tables show.</summary>
    [JsonIgnore]
    public LensScanFindings? Found { get; init; }
}

/// <summary>Counts the words of a list among the tokens that each head points at after prompts.</summary>
public static class LensScanJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option does not fit the lens or the model, or no word is a token.
    /// </exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static LensScanResult Run(LensScanOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read();
        string file = options.Words;
        WordSet words = WordSet.Read(file);
        ByteBpeTokenizer tokenizer = prompt.Tokenizer ?? throw new UserException(
            $"{prompt.Folder}: no tokenizer files, so tokens have no words to look up");
        bool[] listed = words.Tokens(tokenizer, prompt.Config.VocabSize);
        if (!listed.Contains(true))
            throw new UserException($"{Quoted.Path(file)}: none of its {words.Words.Count} words is a token "
                + "of this model; expected at least one");
        LensPlaces places = options.Places.Read(prompt.Folder, prompt.Config);
        string? page = options.Out;
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        LensReadings readings = LensReadings.OfLastTokens(loaded.Model, places.Source, places.Request, rows,
            share => context.Report("reading", share));
        var found = new LensScanFindings(places, new LensText(tokenizer), rows.Length, words.Words.Count,
            words.Spelled(tokenizer), listed.Count(l => l), prompt.Config.VocabSize,
            WordScan.Of(readings.Learned, listed), WordScan.Of(readings.Baseline, listed));
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
        return found.Result();
    }
}

/// <summary>A scan with what it scanned, as pages and tables show it.</summary>
/// <param name="Places">The lens and what was read of it.</param>
/// <param name="Text">Names of tokens.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Words">Words of the list.</param>
/// <param name="Spelled">Of them, those that are a single token.</param>
/// <param name="Listed">Tokens that are one of the words.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Learned">Through the lens.</param>
/// <param name="Baseline">Through the untrained lens.</param>
public sealed record LensScanFindings(LensPlaces Places, LensText Text, int Prompts, int Words, int Spelled,
    int Listed, int Vocabulary, WordScan Learned, WordScan Baseline)
{
    /// <summary>Words among as many tokens drawn from the vocabulary.</summary>
    public double Chance => (double)Places.Request.Top * Listed / Vocabulary;

    /// <summary>Maps to show, each with its lens.</summary>
    public IEnumerable<(string Name, WordScan Scan)> Scans => Places.Source.IsBaseline
        ? [("logit lens", Learned)] : [("the lens", Learned), ("logit lens", Baseline)];

    /// <summary>Names of the heads, or the stream where the lens reads that.</summary>
    public IReadOnlyList<string> Columns => Places.Source.ReadsHeads
        ? [.. Places.Request.Heads.Select(h => $"head {h}")] : ["stream"];

    /// <summary>A head's name.</summary>
    public static string Name(ScannedHead head)
        => (head ?? throw new ArgumentNullException(nameof(head))).Head is { } h ? $"head {h}" : "stream";

    /// <summary>The words of a head that were found most often.</summary>
    public string List(ScannedHead head, int most)
    {
        ArgumentNullException.ThrowIfNull(head);
        return string.Join(' ', head.Found.Take(most).Select(f => Text.Visible(f.Token)))
            + (head.Found.Count > most ? " ..." : "");
    }

    internal LensScanResult Result() => new(Places.ModelHash, LensText.Word(Places.Source.Options.Kind),
        Prompts, Words, Spelled, Listed, Places.Request.Top, Chance,
        [.. Learned.Heads.Zip(Baseline.Heads, (own, plain) => new ScannedWords(own.Layer, own.Head, own.Mean,
            [.. own.Found.Select(f => new MatchedToken(f.Token, Text.Of(f.Token), f.Prompts))], plain.Mean))],
        [.. Learned.Best.Select(h => new ScannedPlace(h.Layer, h.Head, h.Mean))])
    {
        Found = this,
    };
}
