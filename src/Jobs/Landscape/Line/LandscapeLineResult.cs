using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapeLineJob"/>.</summary>
public sealed record LandscapeLineOptions : ISweepOptions
{
    /// <summary>Folders of two or more models of one shape; with more, every pair has its line.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Texts.</summary>
    public required LandscapeTextsRequest Texts { get; init; }

    /// <summary>Points of a line, both ends included.</summary>
    public int Points { get; init; } = 401;

    /// <summary>How predictions of the models become one, which is measured too; null to measure weights
    /// alone.</summary>
    public EnsembleRule? Ensemble { get; init; }

    /// <summary>Folder of files and a page; the same call continues where it stopped. Null for
    /// none.</summary>
    public string? Out { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public string Verb => "landscape line";

    /// <inheritdoc/>
    public ISweepOptions In(string folder) => this with { Out = folder };

    CellSweep ISweepOptions.Read(JobContext context) => LandscapeLineCells.Read(this, context);
}

/// <summary>A point of a line.</summary>
/// <param name="Alpha">0 at the first model, 1 at the second.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
/// <param name="TestLoss">Loss on the test texts; null without any.</param>
/// <param name="TestAccuracy">Accuracy on the test texts; null without any.</param>
public sealed record LandscapeLinePoint(double Alpha, double Loss, double Accuracy,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestLoss,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestAccuracy);

/// <summary>The line between two of the models.</summary>
/// <param name="From">Number of the model at alpha 0, from 0.</param>
/// <param name="To">Number of the model at alpha 1.</param>
/// <param name="Barrier">Largest rise of the loss above the straight line between its ends, nats.</param>
/// <param name="BarrierAlpha">Where.</param>
/// <param name="TestBarrier">Barrier of the loss on the test texts; null without any.</param>
/// <param name="Points">Points from alpha 0 to 1.</param>
public sealed record LandscapePair(int From, int To, double Barrier, double BarrierAlpha,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestBarrier,
    IReadOnlyList<LandscapeLinePoint> Points)
{
    /// <summary>The ensemble of its two ends; null if none was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LandscapeEnsemble? Ensemble { get; init; }
}

/// <summary>The mean of all models' weights.</summary>
/// <param name="Loss">Loss there, nats.</param>
/// <param name="Accuracy">Accuracy there.</param>
/// <param name="MeanLoss">Mean of the models' own losses.</param>
/// <param name="Barrier">Loss less the mean of the losses: above 0 the models lie in no common convex
/// basin.</param>
/// <param name="TestLoss">Loss on the test texts; null without any.</param>
/// <param name="TestAccuracy">Accuracy on the test texts; null without any.</param>
public sealed record LandscapeCentroid(double Loss, double Accuracy, double MeanLoss, double Barrier,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestLoss,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestAccuracy);

/// <summary>Losses on lines between models.</summary>
/// <param name="Points">Points of the line from the first model to the second.</param>
/// <param name="Barrier">Its barrier, nats.</param>
/// <param name="BarrierAlpha">Where the barrier is.</param>
/// <param name="TestBarrier">Its barrier on the test texts; null without any.</param>
/// <param name="Centroid">The mean of all models.</param>
/// <param name="Models">Folders of the models.</param>
/// <param name="Tokens">Number of tokens that a point predicts.</param>
public sealed record LandscapeLineResult(IReadOnlyList<LandscapeLinePoint> Points, double Barrier,
    double BarrierAlpha,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestBarrier,
    LandscapeCentroid Centroid, IReadOnlyList<string> Models, long Tokens) : ISweepResult
{
    /// <summary>Lines of all pairs; null with two models, whose line is above.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LandscapePair>? Pairs { get; init; }

    /// <summary>The ensemble of all models; null if none was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LandscapeEnsemble? Ensemble { get; init; }

    /// <summary>Token id before each text; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The page; null without a folder.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Page { get; init; }
}
