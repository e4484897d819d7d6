using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The effects of random memories and of curated ones.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Layer">Layer of the curated memory; null for drawn memories.</param>
/// <param name="RandomLayer">Layer of random memories; null for drawn memories.</param>
/// <param name="Tau">Magnitude; null for drawn memories.</param>
/// <param name="ProbabilityBefore">Mean probability of the answers without a memory.</param>
/// <param name="Categories">Effects by category, curated memories first.</param>
public sealed record InjectRandomResult(int Pairs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? RandomLayer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] float? Tau,
    [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    IReadOnlyList<CategoryResult> Categories)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The cell for tables; null for drawn memories.</summary>
    [JsonIgnore]
    public (RandomMemoryOptions Options, RandomMemories Found)? Cell { get; init; }

    /// <summary>The drawn memories for tables; null for one cell.</summary>
    [JsonIgnore]
    public IReadOnlyList<DrawnMemories>? Drawn { get; init; }

    /// <summary>Returns the category of curated memories for tables.</summary>
    internal static CategoryGain Curated(RandomMemories found) => new(DrawnMemories.Curated, [found.Curated]);
}

/// <summary>The effects of one category: in one cell by word, or of drawn memories by cell.</summary>
[JsonDerivedType(typeof(CategoryOfCell))]
[JsonDerivedType(typeof(CategoryOfDraws))]
public abstract record CategoryResult;

/// <summary>The effects of a category in one cell.</summary>
/// <param name="Category">Name of the category.</param>
/// <param name="Words">Number of words.</param>
/// <param name="TrimmedMean">Relative gains, percent.</param>
/// <param name="Median">Relative gains, percent.</param>
/// <param name="MeanProbabilityChange">Change of the mean probability, percent.</param>
/// <param name="MeanProbabilityAfter">Mean probability of the answers after the injection, 0 to 1.</param>
/// <param name="ShareFirst">Share of answers that are the most probable token, 0 to 1.</param>
/// <param name="Each">Effects by word.</param>
public sealed record CategoryOfCell(string Category, int Words, double TrimmedMean, double Median,
    double MeanProbabilityChange, [property: JsonPropertyName("mean_p_after")] double MeanProbabilityAfter,
    [property: JsonPropertyName("share_rank_1")] double ShareFirst, IReadOnlyList<WordResult> Each)
    : CategoryResult;

/// <summary>The effects of a category of drawn memories.</summary>
/// <param name="Category">Name of the category.</param>
/// <param name="Cells">Effects by layer and magnitude.</param>
public sealed record CategoryOfDraws(string Category, IReadOnlyList<DrawnCellResult> Cells) : CategoryResult;

/// <summary>The effect of one word.</summary>
/// <param name="Word">Injected word; empty for curated memories.</param>
/// <param name="Pairs">Number of pairs that it was injected into.</param>
/// <param name="TrimmedMean">Relative gains, percent.</param>
/// <param name="Median">Relative gains, percent.</param>
/// <param name="MeanProbabilityChange">Change of the mean probability, percent.</param>
public sealed record WordResult(
    string Word, int Pairs, double TrimmedMean, double Median, double MeanProbabilityChange);

/// <summary>The effect of drawn memories in one cell.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Tau">Magnitude.</param>
/// <param name="TrimmedMean">Relative gains, percent.</param>
/// <param name="Median">Relative gains, percent.</param>
/// <param name="MeanProbabilityChange">Change of the mean probability, percent.</param>
public sealed record DrawnCellResult(
    int Layer, float Tau, double TrimmedMean, double Median, double MeanProbabilityChange);

/// <summary>Makes results of <see cref="InjectRandomJob"/> and writes their rows.</summary>
static class RandomResults
{
    /// <summary>Makes the result of one cell.</summary>
    internal static InjectRandomResult Of(RowInjections injections, string? path, Manifest manifest,
        RandomMemoryOptions options, RandomMemories found)
    {
        IEnumerable<(string Category, InjectedWord Word, int Layer)> rows =
        [
            (DrawnMemories.Curated, found.Curated, options.Layer),
            .. found.Categories.SelectMany(c => c.Words.Select(w => (c.Name, w, options.RandomLayer))),
        ];
        Write(path, manifest, rows.SelectMany(row => row.Word.After.Select((after, pair) =>
            Row(row.Category, row.Layer, options.Tau, pair, row.Word.Text.Length > 0 ? row.Word.Text
                : injections.Pairs[pair].Pair.Memory, found.Before[pair], after))));
        CategoryGain[] all = [InjectRandomResult.Curated(found), .. found.Categories];
        return new InjectRandomResult(injections.Pairs.Count, options.Layer, options.RandomLayer, options.Tau,
            found.Before.Average(b => b.Probability), [.. all.Select(Category)])
        {
            Cell = (options, found),
        };
    }

    /// <summary>Makes the result of a grid of drawn memories.</summary>
    internal static InjectRandomResult Of(RowInjections injections, string? path, Manifest manifest,
        IReadOnlyList<AnswerStanding> before, IReadOnlyList<DrawnMemories> found)
    {
        Write(path, manifest,
            from category in found
            from cell in category.Cells
            from pair in Enumerable.Range(0, before.Count)
            select Row(category.Name, cell.Layer, cell.Tau, pair, cell.Words[pair], before[pair],
                cell.After[pair]));
        return new InjectRandomResult(injections.Pairs.Count, null, null, null,
            before.Average(b => b.Probability), [.. found.Select(c => new CategoryOfDraws(c.Name,
                [.. c.Cells.Select(cell => new DrawnCellResult(cell.Layer, cell.Tau, cell.Gain.TrimmedMean,
                    cell.Gain.Median, cell.Gain.ProbabilityChange))]))])
        {
            Drawn = found,
        };
    }

    /// <summary>
    /// Returns the mean probability of the answers after a word, over the pairs that received it.
    /// </summary>
    internal static double MeanAfter(InjectedWord word)
        => word.After.Where(a => a is not null).Average(a => a!.Probability);

    static CategoryOfCell Category(CategoryGain c) => new(c.Name, c.Words.Count, c.TrimmedMean, c.Median,
        c.MeanProbabilityChange, c.Words.Average(MeanAfter), c.First,
        [.. c.Words.Select(w => new WordResult(w.Text, w.After.Count(a => a is not null), w.Gain.TrimmedMean,
            w.Gain.Median, w.Gain.ProbabilityChange))]);

    static JsonObject Row(string category, int layer, float tau, int pair, string word, AnswerStanding before,
        AnswerStanding? after) => new()
    {
        ["category"] = category,
        ["word"] = word,
        ["prompt"] = pair,
        ["layer"] = layer,
        ["tau"] = tau,
        ["p_before"] = before.Probability,
        ["rank_before"] = before.Rank,
        ["p_after"] = after?.Probability,
        ["rank_after"] = after?.Rank,
    };

    static void Write(string? path, Manifest manifest, IEnumerable<JsonObject> rows)
    {
        if (path is null)
            return;
        AtomicFile.Write(path, stream =>
        {
            foreach (JsonObject row in rows)
                stream.Write([.. Encoding.UTF8.GetBytes(row.ToJsonString()), (byte)'\n']);
        });
        manifest.WriteBeside(path);
    }
}
