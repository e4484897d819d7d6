using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The first option in which two calls differ.</summary>
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
    /// <returns>Null where the calls are the same.</returns>
    internal static CallDifference? First(Manifest there, Manifest here, IReadOnlyList<string> free)
        => Text("command", there.Command, here.Command)
            // In memory a number has a type and in the file it has none; parsed they compare.
            ?? Between("", there.Options, JsonNode.Parse(here.Options.ToJsonString()), free)
            ?? Number("seed", there.Seed, here.Seed)
            ?? Text("model_hash", there.ModelHash, here.ModelHash)
            ?? Text("data_hash", there.DataHash, here.DataHash)
            ?? Text("device", there.Device, here.Device)
            ?? Text("precision", there.Precision, here.Precision);

    static CallDifference? Text(string name, string? there, string? here)
        => here is null || there == here ? null
            : new(name, there is null ? "none" : Quoted.Name(there), Quoted.Name(here));

    static CallDifference? Number(string name, ulong? there, ulong? here)
        => here is null || there == here ? null : new(name, there is null ? "none" : $"{there}", $"{here}");

    static CallDifference? Between(string name, JsonNode? there, JsonNode? here, IReadOnlyList<string> free)
    {
        if (free.Contains(name) || JsonNode.DeepEquals(there, here))
            return null;
        return (there, here) switch
        {
            (JsonObject a, JsonObject b) => b.Select(f => f.Key).Union(a.Select(f => f.Key))
                .Select(field => Between(Field(name, field), a[field], b[field], free))
                .FirstOrDefault(d => d is not null),
            (JsonArray a, JsonArray b) when a.Count == b.Count => Enumerable.Range(0, a.Count)
                .Select(i => Between($"{name}[{i}]", a[i], b[i], free)).FirstOrDefault(d => d is not null),
            _ => new(name, Value(there), Value(here)),
        };
    }

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
