using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>JSON serialisation of the results of jobs around the server.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(ReplayResult))]
public sealed partial class ServingJson : JsonSerializerContext;
