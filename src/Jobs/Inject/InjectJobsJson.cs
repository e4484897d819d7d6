using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of injection jobs.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(InjectDataResult))]
[JsonSerializable(typeof(InjectRunResult))]
[JsonSerializable(typeof(IReadOnlyList<InjectRunResult>))]
[JsonSerializable(typeof(InjectCompareResult))]
[JsonSerializable(typeof(InjectSweepResult))]
[JsonSerializable(typeof(InjectEvaluateResult))]
[JsonSerializable(typeof(InjectRandomResult))]
[JsonSerializable(typeof(InjectSuggestOneResult))]
[JsonSerializable(typeof(InjectSuggestAllResult))]
[JsonSerializable(typeof(SuggestionEvaluationResult))]
public sealed partial class InjectJobsJson : JsonSerializerContext;

/// <summary>JSON serialisation of results on one line, for rows of files.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(InjectSuggestOneResult))]
sealed partial class InjectRowsJson : JsonSerializerContext;
