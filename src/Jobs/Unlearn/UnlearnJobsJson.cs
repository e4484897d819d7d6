using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of unlearning jobs.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(UnlearnDataResult))]
[JsonSerializable(typeof(UnlearnTrainResult))]
[JsonSerializable(typeof(UnlearnSecretsResult))]
[JsonSerializable(typeof(UnlearnMeasureResult))]
[JsonSerializable(typeof(RecitedRow))]
[JsonSerializable(typeof(UnlearnRunResult))]
[JsonSerializable(typeof(UnlearnApplyResult))]
[JsonSerializable(typeof(UnlearnRelearnResult))]
[JsonSerializable(typeof(UnlearnSweepResult))]
public sealed partial class UnlearnJobsJson : JsonSerializerContext;
