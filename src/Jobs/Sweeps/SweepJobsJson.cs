using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of plans of sweeps.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(SweepPlanResult))]
[JsonSerializable(typeof(SweepRunResult))]
[JsonSerializable(typeof(SweepStatusResult))]
[JsonSerializable(typeof(SweepMissingResult))]
[JsonSerializable(typeof(SweepScriptResult))]
public sealed partial class SweepJobsJson : JsonSerializerContext;
