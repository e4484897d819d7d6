using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapePlaneJob"/>.</summary>
public sealed record LandscapePlaneOptions : ISweepOptions
{
    /// <summary>Folders: one model for random directions, three whose plane is drawn, or the checkpoints of a
    /// run in their order.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>random: two Gaussian directions, normalised row by row. models: the plane through three
    /// models. pca: the two directions along which the checkpoints vary most.</summary>
    public string Directions { get; init; } = "random";

    /// <summary>Texts.</summary>
    public required LandscapeTextsRequest Texts { get; init; }

    /// <summary>Number of points of a side.</summary>
    public int Size { get; init; } = 51;

    /// <summary>random: the grid runs from minus this to this along both directions. Else the grid's side, as
    /// a multiple of the longer side of the box around the models. Null for 1, or 1.4.</summary>
    public double? Range { get; init; }

    /// <summary>models: how predictions of the three become one, which is measured too. Null to measure
    /// weights alone.</summary>
    public EnsembleRule? Ensemble { get; init; }

    /// <summary>Folder of the files; the same call continues where it stopped.</summary>
    public required string Out { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public string Verb => "landscape plane";

    /// <inheritdoc/>
    public ISweepOptions In(string folder) => this with { Out = folder };

    CellSweep ISweepOptions.Read(JobContext context) => LandscapePlaneCells.Read(this, context);
}

/// <summary>A point of a plane.</summary>
/// <param name="X">Along the first direction.</param>
/// <param name="Y">Along the second direction.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats; null where it is not finite.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
public sealed record LandscapePlanePoint(double X, double Y, double Loss, double Accuracy);

/// <summary>A model and its place in the plane.</summary>
/// <param name="Model">Folder.</param>
/// <param name="X">Along the first direction.</param>
/// <param name="Y">Along the second direction.</param>
/// <param name="Loss">The model's own loss: a checkpoint lies beside the plane, not in it.</param>
/// <param name="Accuracy">The model's own accuracy.</param>
public sealed record LandscapeMark(string Model, double X, double Y, double Loss, double Accuracy);

/// <summary>Losses on a plane through weight space.</summary>
/// <param name="Directions">random, models or pca.</param>
/// <param name="Size">Points of a side.</param>
/// <param name="X">Coordinates of the columns, from the left.</param>
/// <param name="Y">Coordinates of the rows, from the bottom.</param>
/// <param name="Points">All points, row by row from the bottom left.</param>
/// <param name="Models">The models in the plane.</param>
/// <param name="Lowest">Point of the smallest loss.</param>
/// <param name="Tokens">Number of tokens that a point predicts.</param>
/// <param name="Page">The page.</param>
public sealed record LandscapePlaneResult(string Directions, int Size, IReadOnlyList<double> X,
    IReadOnlyList<double> Y, IReadOnlyList<LandscapePlanePoint> Points, IReadOnlyList<LandscapeMark> Models,
    LandscapePlanePoint? Lowest, long Tokens, string Page) : ISweepResult
{
    /// <summary>Shares of the checkpoints' variance along the two directions; null unless pca.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? Explained { get; init; }

    /// <summary>The ensemble of the three models; null if none was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LandscapeEnsemble? Ensemble { get; init; }

    /// <summary>Token id before each text; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}
