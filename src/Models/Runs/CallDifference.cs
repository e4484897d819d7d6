using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>An option in which two calls differ.</summary>
/// <param name="Name">As the record has it, <c>optimizer.adamw.learning_rate</c> for one.</param>
/// <param name="There">Its value in the record.</param>
/// <param name="Here">Its value in this call.</param>
readonly record struct CallDifference(string Name, string There, string Here)
{
    /// <summary>Compares the fields that decide a result. A field that this call does not know yet is not
    /// compared.</summary>
    /// <param name="there">The record.</param>
    /// <param name="here">This call.</param>
    /// <param name="free">Names of options that may differ.</param>
    /// <returns>None where the calls are the same; of a list, its first element that differs; of another
    /// command, the command alone, for its options are others.</returns>
    internal static IReadOnlyList<CallDifference> All(
        Manifest there, Manifest here, IReadOnlyList<string> free)
    {
        if (Text("command", there.Command, here.Command) is [var command])
            return [command];
        IEnumerable<CallDifference> found =
        [
            // In memory a number has a type and in the file it has none; parsed they compare.
            .. Between("", there.Options, JsonNode.Parse(here.Options.ToJsonString()), free),
            .. Number("seed", there.Seed, here.Seed),
            .. Text("model_hash", there.ModelHash, here.ModelHash),
            .. Text("data_hash", there.DataHash, here.DataHash),
            .. Text("device", there.Device, here.Device),
            .. Text("precision", there.Precision, here.Precision),
        ];
        return [.. found.DistinctBy(d => d.Name)]; // a seed may be an option too
    }

    static CallDifference[] Text(string name, string? there, string? here)
        => here is null || there == here ? []
            : [new(name, there is null ? "none" : Quoted.Name(there), Quoted.Name(here))];

    static CallDifference[] Number(string name, ulong? there, ulong? here)
        => here is null || there == here ? [] : [new(name, there is null ? "none" : $"{there}", $"{here}")];

    static IEnumerable<CallDifference> Between(
        string name, JsonNode? there, JsonNode? here, IReadOnlyList<string> free)
    {
        if (free.Contains(name) || JsonNode.DeepEquals(there, here))
            return [];
        return (there, here) switch
        {
            // Where one call has no such object, its fields are those that differ.
            (JsonObject or null, JsonObject or null) => Names(here).Union(Names(there))
                .SelectMany(field => Between(Field(name, field), there?[field], here?[field], free)),
            (JsonArray a, JsonArray b) when a.Count == b.Count => Enumerable.Range(0, a.Count)
                .SelectMany(i => Between($"{name}[{i}]", a[i], b[i], free)).Take(1),
            _ => [new(name, Value(there), Value(here))],
        };
    }

    static IEnumerable<string> Names(JsonNode? json) => json is JsonObject fields ? fields.Select(f => f.Key)
        : [];

    static string Field(string name, string field)
    {
        field = JsonNamingPolicy.SnakeCaseLower.ConvertName(field);
        return name.Length == 0 ? field : $"{name}.{field}";
    }

    static string Value(JsonNode? value) => value switch
    {
        null => "none",
        JsonValue v when v.GetValueKind() == JsonValueKind.String => Quoted.Name((string)v!),
        _ => Quoted.Line(value.ToJsonString()),
    };
}
