using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of what landscape jobs measure.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(LandscapeVectorsResult))]
[JsonSerializable(typeof(LandscapeCurvatureResult))]
[JsonSerializable(typeof(LandscapeCurveResult))]
[JsonSerializable(typeof(LandscapeInstabilityResult))]
public sealed partial class LandscapeMeasuresJson : JsonSerializerContext;
