using System.Text.Json.Nodes;

namespace HeadTap.Cli;

/// <summary>Numbers in JSON results.</summary>
static class JsonNumber
{
    /// <summary>The number; null where there is none, for JSON has no NaN.</summary>
    internal static JsonNode? Of(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
