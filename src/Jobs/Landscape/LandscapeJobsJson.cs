using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of landscape jobs.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(LandscapeLineResult))]
[JsonSerializable(typeof(LandscapePlaneResult))]
[JsonSerializable(typeof(LandscapeVectorsResult))]
[JsonSerializable(typeof(LandscapeCurvatureResult))]
[JsonSerializable(typeof(LandscapeCurveResult))]
[JsonSerializable(typeof(LandscapeInstabilityResult))]
public sealed partial class LandscapeJobsJson : JsonSerializerContext;
