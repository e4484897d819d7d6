using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The JSON of the results of jobs that run one model.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TokenizeResult))]
public sealed partial class ModelJobsJson : JsonSerializerContext;
