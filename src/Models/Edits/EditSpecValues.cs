using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The values of edits in a spec.</summary>
/// <param name="Source">Where the edit came from; begins each message.</param>
/// <param name="Folder">Where files are looked for; null for the current folder.</param>
/// <param name="Encode">Makes ids of texts; null refuses them.</param>
readonly record struct EditSpecValues(string Source, string? Folder, Func<string, int[]>? Encode)
{
    /// <summary>Says where a file is that the spec names, or refuses it; null looks in
    /// <see cref="Folder"/>.</summary>
    internal Func<string, string>? Locate { get; init; }

    const string Forms = "a number, a list of numbers, {\"unembed\": tokens}, {\"embed\": tokens}, "
        + "{\"jacobian\": lens and tokens}, {\"mean_of\": data set}, base64 and shape, or file and tensor";

    /// <summary>Reads a value.</summary>
    /// <exception cref="UserException">It has none of the forms.</exception>
    internal EditValue Read(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.Array)
            return EditValue.Numbers(Numbers(json));
        if (json.ValueKind == JsonValueKind.Number)
            return EditValue.Constant(json.TryGetSingle(out float one) && float.IsFinite(one) ? one
                : throw Wrong($"value is {Quoted.Json(json)}; expected {JsonFields.Number(json)}"));
        if (json.ValueKind != JsonValueKind.Object)
            throw Wrong($"value is {Quoted.Json(json)}; expected {Forms}");
        if (json.TryGetProperty("base64", out _))
            return InlineTensor.Read(json, Source);
        EditSpec.RequireOnly(json, Source,
            "file", "tensor", "row", "position", "unembed", "embed", "jacobian", "mean_of", "sha256");
        var fields = new JsonFields(Source, json);
        bool alone = json.EnumerateObject().Count() == 1;
        return alone && fields.Has("unembed") ? EditValue.Unembed(Tokens(json, "unembed"))
            : alone && fields.Has("embed") ? EditValue.Embed(Tokens(json, "embed"))
            : alone && fields.Has("jacobian") ? Jacobian(json.GetProperty("jacobian"))
            : fields.Has("mean_of") && json.EnumerateObject().All(p => p.Name is "mean_of" or "sha256")
                ? Mean(fields)
            : !fields.Has("unembed") && !fields.Has("embed") && !fields.Has("jacobian")
                && !fields.Has("mean_of") ? File(fields)
            : throw Wrong($"value needs {Forms}");
    }

    /// <summary>The JSON of a value.</summary>
    /// <exception cref="UserException">JSON cannot hold it.</exception>
    internal static JsonNode ToJson(Edit edit, EditValue value, string? folder)
    {
        return value switch
        {
            InlineValue inline => new JsonArray([.. inline.Values.Select(v => (JsonNode)v)]),
            ConstantValue one => JsonValue.Create(one.Value),
            FileValue file => ToJson(file),
            JacobianValue j => new JsonObject
            {
                ["jacobian"] = Hashed(new JsonObject
                {
                    ["lens"] = FromFolder(j.Lens), ["tokens"] = EditSpec.List(j.Tokens),
                }, j.Sha256),
            },
            DataMeanValue mean => Hashed(new JsonObject { ["mean_of"] = FromFolder(mean.Path) }, mean.Sha256),
            EmbeddingValue e => new JsonObject { [e.Head ? "unembed" : "embed"] = EditSpec.List(e.Tokens) },
            RecordedValue recorded => InlineTensor.ToJson(edit, recorded),
            _ => throw edit.Wrong("its value cannot be written to a file"),
        };

        JsonObject ToJson(FileValue file)
        {
            var json = new JsonObject { ["file"] = FromFolder(file.Path) };
            if (file.Tensor is not null)
                json["tensor"] = file.Tensor;
            if (file.Row is { } row)
                (json["row"], json["position"]) = (row, file.Position);
            return Hashed(json, file.Sha256);
        }

        static JsonObject Hashed(JsonObject json, string? hash)
        {
            if (hash is not null)
                json["sha256"] = hash;
            return json;
        }

        string FromFolder(string path)
            => folder is null ? path : Path.GetRelativePath(folder, Path.GetFullPath(path));
    }

    DataMeanValue Mean(JsonFields fields)
    {
        string path = Beside(fields.Text("mean_of", ""));
        return new DataMeanValue(path) { Sha256 = Checked(fields, path) };
    }

    JacobianValue Jacobian(JsonElement json)
    {
        EditSpec.RequireOnly(json, Source, "lens", "tokens", "sha256");
        var fields = new JsonFields(Source, json);
        if (!fields.Has("lens") || !fields.Has("tokens"))
            throw Wrong("jacobian needs lens, a folder, and tokens");
        var value = new JacobianValue(Beside(fields.Text("lens", "")), Tokens(json, "tokens"));
        return value with { Sha256 = Checked(fields, value.WeightsPath) };
    }

    // A spec from a manifest says what the file was when the output was made.
    string? Checked(JsonFields fields, string path)
    {
        if (fields.Text("sha256", null) is not { } recorded)
            return null;
        string found = FileHash.Sha256(path);
        return found == recorded ? found : throw Wrong(
            $"{Quoted.Path(path)} has the SHA-256 {found}, and the spec was made with "
            + $"{Quoted.Name(recorded)}; expected the same file, or a spec without sha256");
    }

    FileValue File(JsonFields fields)
    {
        string file = fields.Text("file", ""), tensor = fields.Text("tensor", "");
        bool npy = SiteTrace.IsNpy(file);
        if (file.Length == 0 || npy != (tensor.Length == 0))
            throw Wrong(npy ? $"{Quoted.Name(file)} holds one array; leave tensor out"
                : $"value needs {Forms}");
        if (fields.Has("row") != fields.Has("position"))
            throw Wrong("row and position go together; expected both for one row of a recording, or none");
        return new FileValue(Beside(file), npy ? null : tensor)
        {
            Sha256 = Checked(fields, Beside(file)),
            Row = fields.Has("row") ? fields.Int("row") : null, Position = fields.Int("position", 0),
        };
    }

    string Beside(string file)
    {
        if (file.Contains('\0') || file.Length == 0)
            throw Wrong($"file {Quoted.Name(file)} has a character that no path has, or is empty");
        return Locate is not null ? Locate(file) : Folder is null ? file : Path.Combine(Folder, file);
    }

    // Ids, a text, or texts.
    int[] Tokens(JsonElement json, string field)
    {
        JsonElement tokens = json.GetProperty(field);
        string[]? texts = tokens.ValueKind == JsonValueKind.String ? [tokens.GetString()!]
            : tokens.ValueKind == JsonValueKind.Array && tokens.GetArrayLength() > 0
                && tokens.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String)
                ? [.. tokens.EnumerateArray().Select(t => t.GetString()!)]
            : null;
        if (texts is null)
            return EditSpec.Integers(json, field, Source)!;
        Func<string, int[]> encode = Encode ?? throw Wrong($"{field} is a text, and there is no tokenizer to "
            + "make ids of it; expected token ids");
        return [.. texts.SelectMany(encode)];
    }

    float[] Numbers(JsonElement json)
    {
        float[] values = new float[json.GetArrayLength()];
        int i = 0;
        foreach (JsonElement number in json.EnumerateArray())
            values[i++] = number.ValueKind == JsonValueKind.Number
                && number.TryGetSingle(out float v) && float.IsFinite(v)
                ? v : throw Wrong(
                    $"value {i - 1} is {Quoted.Json(number)}; expected {JsonFields.Number(number)}");
        return values;
    }

    UserException Wrong(string what) => EditSpec.Wrong(Source, what);
}
