using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Edits as a JSON file, so that an experiment can be saved, shared and replayed:
/// <c>{ "edits": [ { "site": "blocks.3.hook_attn_out", "op": "add", "alpha": 4, "value": { "unembed": [17] }
/// } ] }</c>. docs/edits.md has every field. An unknown field is refused: a misspelt one would silently do
/// nothing.
/// </summary>
public static class EditSpec
{
    static readonly (string Name, EditOperation Operation)[] Operations =
    [
        ("add", EditOperation.Add), ("replace", EditOperation.Replace), ("scale", EditOperation.Scale),
        ("zero", EditOperation.Zero), ("mean", EditOperation.Mean), ("project_out", EditOperation.ProjectOut),
        ("swap", EditOperation.Swap),
        ("patch", EditOperation.Patch),
    ];

    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>What an operation is called in a spec, and so in messages; that of C# is Call.</summary>
    internal static string NameOf(EditOperation operation)
        => Operations.FirstOrDefault(o => o.Operation == operation).Name ?? $"{operation}";

    /// <summary>Reads a spec file.</summary>
    /// <param name="path">The file; other files named in it are looked for beside it.</param>
    /// <param name="encode">Makes ids of texts in <c>unembed</c> and <c>embed</c>; null refuses
    /// texts.</param>
    /// <exception cref="UserException">It cannot be read, or a field is unknown, missing or of the wrong
    /// kind.</exception>
    public static IReadOnlyList<Edit> Read(string path, Func<string, int[]>? encode = null)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path);
        return Parse(document.RootElement, path, Path.GetDirectoryName(Path.GetFullPath(path)), encode);
    }

    /// <summary>Parses a spec.</summary>
    /// <param name="json">The root object.</param>
    /// <param name="source">Where it came from; begins each message.</param>
    /// <param name="folder">Where other files are looked for; null for the current folder.</param>
    /// <param name="encode">Makes ids of texts; null refuses them.</param>
    /// <param name="locate">Says where a file is that the spec names, or throws; null looks in
    /// <paramref name="folder"/>.</param>
    public static IReadOnlyList<Edit> Parse(JsonElement json, string source, string? folder = null,
        Func<string, int[]>? encode = null, Func<string, string>? locate = null)
    {
        RequireOnly(json, source, "edits");
        if (!json.TryGetProperty("edits", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            throw Wrong(source, "\"edits\" is missing; expected a list of edits");
        return [.. list.EnumerateArray().Select(
            (e, i) => One(e, new EditSpecValues($"{source}: edit {i}", folder, encode)
            {
                Locate = locate,
            }))];
    }

    /// <summary>Writes a spec file.</summary>
    /// <exception cref="UserException">An edit is a C# function, or the file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<Edit> edits)
        => AtomicFile.WriteText(path,
            ToJson(edits, Path.GetDirectoryName(Path.GetFullPath(path))).ToJsonString(Indented) + "\n");

    /// <summary>The spec of some edits.</summary>
    /// <param name="edits">The edits.</param>
    /// <param name="folder">Where the spec will lie: tensor files are named as seen from there. Null: as they
    /// are.</param>
    /// <exception cref="UserException">An edit is a C# function, or holds a number that JSON has
    /// not.</exception>
    public static JsonObject ToJson(IReadOnlyList<Edit> edits, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(edits);
        return new JsonObject { ["edits"] = new JsonArray([.. edits.Select(e => One(e, folder))]) };
    }

    static Edit One(JsonElement json, EditSpecValues values)
    {
        string source = values.Source;
        RequireOnly(json, source, "site", "op", "alpha", "head", "heads", "neurons", "positions", "rows",
            "steps", "value", "to");
        var fields = new JsonFields(source, json);
        string op = fields.Text("op", "");
        (string name, EditOperation operation) = Operations.FirstOrDefault(o => o.Name == op);
        if (name is null)
            throw Wrong(source,
                $"op is {Quoted.Name(op)}; expected {string.Join(", ", Operations.Select(o => o.Name))}");
        string site = fields.Text("site", "");
        if (operation == EditOperation.Scale && !fields.Has("alpha"))
            throw Wrong(source, "scale needs alpha, the factor; expected a number");
        return new Edit
        {
            Site = site.Length > 0 ? site : throw Wrong(source, "site is missing"),
            Operation = operation,
            Alpha = fields.Float("alpha", 1f),
            Head = fields.Has("head") ? fields.Int("head") : null,
            Heads = Integers(json, "heads", source),
            Neurons = Integers(json, "neurons", source),
            Positions = Positions(json, source),
            Rows = Integers(json, "rows", source),
            Steps = Integers(json, "steps", source),
            Value = json.TryGetProperty("value", out JsonElement value) ? values.Read(value) : null,
            To = json.TryGetProperty("to", out JsonElement to) ? values.Read(to) : null,
        };
    }

    static EditPositions Positions(JsonElement json, string source)
    {
        if (!json.TryGetProperty("positions", out JsonElement p))
            return EditPositions.All;
        if (p.ValueKind == JsonValueKind.String)
            return p.GetString() switch
            {
                "all" => EditPositions.All,
                "last" => EditPositions.Last,
                _ => throw Expected(),
            };
        if (p.ValueKind == JsonValueKind.Array)
            return EditPositions.List(Integers(json, "positions", source, int.MinValue)!);
        if (p.ValueKind != JsonValueKind.Object)
            throw Expected();
        RequireOnly(p, source, "from");
        return EditPositions.From(new JsonFields(source, p).Int("from"));

        UserException Expected() => Wrong(source,
            $"positions is {Quoted.Json(p)}; expected \"all\", \"last\", a list, "
            + "or {\"from\": n}");
    }

    /// <summary>A list of whole numbers; null if the field is absent.</summary>
    internal static int[]? Integers(JsonElement json, string field, string source, int least = 0)
    {
        if (!json.TryGetProperty(field, out JsonElement list))
            return null;
        if (list.ValueKind != JsonValueKind.Array)
            throw Wrong(source,
                $"{field} is {Quoted.Json(list)}; expected a list of whole numbers");
        return [.. list.EnumerateArray().Select(n => n.ValueKind == JsonValueKind.Number
            && n.TryGetInt32(out int i) && i >= least
            ? i : throw Wrong(source, $"{field} has {Quoted.Json(n)}; expected whole numbers"
                + (least < 0 ? "" : $" from {least}")))];
    }

    static JsonNode One(Edit edit, string? folder)
    {
        if (!float.IsFinite(edit.Alpha)
            || new[] { edit.Value, edit.To }.Any(v => v is InlineValue i && !i.Values.All(float.IsFinite))
            || (edit.Value is ConstantValue { Value: var one } && !float.IsFinite(one)))
            throw edit.Wrong("a number that is not finite cannot be written");
        string op = Operations.FirstOrDefault(o => o.Operation == edit.Operation).Name
            ?? throw edit.Wrong("a C# function cannot be written to a file");
        var json = new JsonObject { ["site"] = edit.Site.Text, ["op"] = op };
        if (edit.Alpha != 1f || edit.Operation == EditOperation.Scale)
            json["alpha"] = edit.Alpha;
        if (edit.Head is { } head)
            json["head"] = head;
        if (edit.Heads is { } heads)
            json["heads"] = List(heads);
        if (edit.Neurons is { } neurons)
            json["neurons"] = List(neurons);
        if (edit.Positions.IsLast)
            json["positions"] = "last";
        else if (edit.Positions.Listed is { } listed)
            json["positions"] = List(listed);
        else if (edit.Positions.FromPosition is { } from)
            json["positions"] = new JsonObject { ["from"] = from };
        if (edit.Rows is { } rows)
            json["rows"] = List(rows);
        if (edit.Steps is { } steps)
            json["steps"] = List(steps);
        if (edit.Value is { } value)
            json["value"] = EditSpecValues.ToJson(edit, value, folder);
        if (edit.To is { } to)
            json["to"] = EditSpecValues.ToJson(edit, to, folder);
        return json;
    }

    internal static JsonArray List(IReadOnlyList<int> numbers) => new([.. numbers.Select(n => (JsonNode)n)]);

    internal static void RequireOnly(JsonElement json, string source, params string[] known)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw Wrong(source, $"found {Quoted.Json(json)}; expected an object");
        foreach (JsonProperty property in json.EnumerateObject())
            if (!known.Contains(property.Name))
                throw Wrong(source,
                    $"unknown field {Quoted.Name(property.Name)}; expected {string.Join(", ", known)}");
    }

    internal static UserException Wrong(string source, string what) => new($"{source}: {what}");
}
