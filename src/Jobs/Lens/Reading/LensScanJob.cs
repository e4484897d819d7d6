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

    /// <summary>The lens, and the layers, heads and tokens to read.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>File of words, one per line; a # begins a comment.</summary>
    public required string Words { get; init; }

    /// <summary>File of an HTML page with a map of layers and heads; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>A token of the word list that is among a head's tokens.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Prompts">Number of prompts where it is among the head's tokens.</param>
public sealed record MatchedToken(int Id, string Text, int Prompts);

/// <summary>The number of a head's tokens that are in the word list.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the residual stream if the lens reads that.</param>
/// <param name="Mean">Number of the head's tokens that are in the list, mean over prompts.</param>
public sealed record ScannedPlace(int Layer, int? Head, double Mean);

/// <summary>The tokens of a head that are in the word list.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the residual stream if the lens reads that.</param>
/// <param name="Mean">Number of the head's tokens that are in the list, mean over prompts.</param>
/// <param name="Matched">Tokens that are in the list, most frequent first.</param>
/// <param name="LogitLensMean">Number of tokens in the list by the logit lens, mean over prompts.</param>
public sealed record ScannedWords(
    int Layer, int? Head, double Mean, IReadOnlyList<MatchedToken> Matched, double LogitLensMean);

/// <summary>Counts of a list's words among the tokens of each head.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Lens">Kind of the lens.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Words">Number of words in the list.</param>
/// <param name="WordsThatAreTokens">Number of words that are a single token.</param>
/// <param name="ListedTokens">Number of tokens that are one of the words.</param>
/// <param name="Top">Number of tokens read per head.</param>
/// <param name="ByChance">Expected number of listed tokens among as many tokens drawn from the
/// vocabulary.</param>
/// <param name="Heads">Counts by layer and head.</param>
/// <param name="Most">Head with the most words, by layer.</param>
public sealed record LensScanResult(string ModelHash, string Lens, int Prompts, int Words,
    int WordsThatAreTokens, int ListedTokens, int Top, double ByChance, IReadOnlyList<ScannedWords> Heads,
    IReadOnlyList<ScannedPlace> Most)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The findings of the scan for tables.</summary>
    [JsonIgnore]
    public LensScanFindings? Found { get; init; }
}

/// <summary>Counts the words of a list among each head's top tokens at the end of prompts.</summary>
public static class LensScanJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the lens or the model, or no word is a token.
    /// </exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensScanResult Run(LensScanOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        string file = options.Words;
        WordSet words = WordSet.Read(file);
        ByteBpeTokenizer tokenizer = prompt.Tokenizer ?? throw new UserException(
            $"{prompt.Folder}: no tokenizer files, so tokens have no words to look up");
        bool[] listed = words.Tokens(tokenizer, prompt.Config.VocabSize);
        if (!listed.Contains(true))
            throw new UserException($"{Quoted.Path(file)}: none of its "
                + $"{Counted.Of(words.Words.Count, "word")} is a token of this model; expected at least one");
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
        return found.Result() with { Bos = prompt.Bos };
    }
}

/// <summary>A scan with its lens and word list, for pages and tables.</summary>
/// <param name="Places">Lens, layers, heads and number of tokens.</param>
/// <param name="Text">Text of tokens.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Words">Number of words of the list.</param>
/// <param name="Spelled">Number of these words that are a single token.</param>
/// <param name="Listed">Number of tokens that are one of the words.</param>
/// <param name="Vocabulary">Size of the vocabulary, V.</param>
/// <param name="Learned">Counts through the lens.</param>
/// <param name="Baseline">Counts through the logit lens.</param>
public sealed record LensScanFindings(LensPlaces Places, LensText Text, int Prompts, int Words, int Spelled,
    int Listed, int Vocabulary, WordScan Learned, WordScan Baseline)
{
    /// <summary>Expected number of listed tokens among as many tokens drawn from the vocabulary.</summary>
    public double Chance => (double)Places.Request.Top * Listed / Vocabulary;

    /// <summary>The scans to show as maps, each with the name of its lens.</summary>
    public IEnumerable<(string Name, WordScan Scan)> Scans => Places.Source.IsBaseline
        ? [("logit lens", Learned)] : [("the lens", Learned), ("logit lens", Baseline)];

    /// <summary>Names of the heads, or of the residual stream if the lens reads that.</summary>
    public IReadOnlyList<string> Columns => Places.Source.ReadsHeads
        ? [.. Places.Request.Heads.Select(h => $"head {h}")] : ["stream"];

    /// <summary>Returns the name of a head, or of the stream.</summary>
    public static string Name(ScannedHead head)
        => (head ?? throw new ArgumentNullException(nameof(head))).Head is { } h ? $"head {h}" : "stream";

    /// <summary>Returns the words of a head that were found most often.</summary>
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
