using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of merge jobs.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(MergeRunResult))]
[JsonSerializable(typeof(IReadOnlyList<MergeMethodRow>))]
[JsonSerializable(typeof(MergeAlignResult))]
public sealed partial class MergeJobsJson : JsonSerializerContext;
