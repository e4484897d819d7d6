using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of jobs that run one model.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(TokenizeResult))]
[JsonSerializable(typeof(IReadOnlyList<TokenizeResult>))]
[JsonSerializable(typeof(IReadOnlyList<FoundDevice>))]
[JsonSerializable(typeof(TraceResult))]
[JsonSerializable(typeof(IReadOnlyList<TraceStep>))]
[JsonSerializable(typeof(GradResult))]
[JsonSerializable(typeof(GradOfResult))]
[JsonSerializable(typeof(IReadOnlyList<GeneratedText>))]
[JsonSerializable(typeof(EvalResult))]
[JsonSerializable(typeof(EvalAtlasResult))]
[JsonSerializable(typeof(TrainResult))]
[JsonSerializable(typeof(VerifyResult))]
[JsonSerializable(typeof(ProfileResult))]
[JsonSerializable(typeof(IReadOnlyList<PulledFile>))]
[JsonSerializable(typeof(TourResult))]
public sealed partial class ModelJobsJson : JsonSerializerContext;
