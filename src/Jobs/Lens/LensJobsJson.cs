using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of lens jobs.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(LensTrainedResult))]
[JsonSerializable(typeof(LensPlanResult))]
[JsonSerializable(typeof(LensEvalResult))]
[JsonSerializable(typeof(LensReadResult))]
[JsonSerializable(typeof(IReadOnlyList<LensReadResult>))]
[JsonSerializable(typeof(LensScanResult))]
[JsonSerializable(typeof(LensGradientResult))]
[JsonSerializable(typeof(LensMemoryOneResult))]
[JsonSerializable(typeof(LensMemoryAllResult))]
[JsonSerializable(typeof(LensConvertResult))]
[JsonSerializable(typeof(LensImportResult))]
[JsonSerializable(typeof(LensExportResult))]
[JsonSerializable(typeof(LensMergeResult))]
public sealed partial class LensJobsJson : JsonSerializerContext;
