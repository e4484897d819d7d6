using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace HeadTap.Merge;

/// <summary>
/// Reads mergekit's YAML. The whole file is checked: an unknown key, method or parameter is named with the
/// nearest name that exists, and the line where it stands.
/// </summary>
public sealed partial class MergeConfigReader
{
    static readonly string[] s_keys =
    [
        "merge_method", "models", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source",
        "slices", TextFile, Batch, "align", "align_text",
    ];

    // Not mergekit's: files that methods measure models on.
    const string TextFile = "text_file", Batch = "batch";

    static readonly string[] s_modelKeys = ["model", "parameters", TextFile, Batch];
    static readonly string[] s_dtypes = ["float32", "float16", "bfloat16"];

    readonly string _path;

    const long MostBytes = 1 << 24;
    const int Deepest = 32;

    MergeConfigReader(string path) => _path = path;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="UserException">The file cannot be read, or a key or value is not allowed.</exception>
    public static MergeConfig Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string text = Encoding.UTF8.GetString(InputFile.ReadAll(path, MostBytes));
        return Parse(text, path);
    }

    /// <summary>Reads and checks a text; <paramref name="path"/> names it in errors.</summary>
    /// <exception cref="UserException">A key or value is not allowed.</exception>
    public static MergeConfig Parse(string text, string path)
    {
        var yaml = new YamlStream();
        try
        {
            RequireShallow(text, path);
            yaml.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new UserException($"{Quoted.Path(path)}: line {e.End.Line}: not valid YAML: {e.Message}");
        }
        catch (InvalidOperationException) // YamlDotNet 18.1 at the end of an open mapping
        {
            throw new UserException(
                $"{Quoted.Path(path)}: not valid YAML: it ends inside a mapping or a list");
        }
        var reader = new MergeConfigReader(path);
        return yaml.Documents is [{ RootNode: YamlMappingNode root }]
            ? reader.Config(root) with { Text = text }
            : throw new UserException($"{Quoted.Path(path)}: expected one YAML mapping with merge_method and "
                + "models");
    }

    // YamlDotNet builds nodes by recursion: 100000 brackets would overflow the stack.
    static void RequireShallow(string text, string path)
    {
        var events = new Parser(new StringReader(text));
        for (int depth = 0; events.MoveNext();)
            if ((depth += events.Current!.NestingIncrease) > Deepest)
                throw new UserException($"{Quoted.Path(path)}: line {events.Current.Start.Line}: mappings "
                    + $"and lists more than {Deepest} deep");
    }

    MergeConfig Config(YamlMappingNode root)
    {
        Dictionary<string, YamlNode> keys = Keys(root, s_keys, "");
        string name = Text(Required(keys, root, "merge_method"), "merge_method");
        MergeMethod method;
        try
        {
            method = MergeMethods.Named(name);
        }
        catch (UserException e)
        {
            throw Wrong(keys["merge_method"], $"merge_method: {e.Message}");
        }
        string? baseModel = keys.TryGetValue("base_model", out YamlNode? node)
            ? Text(node, "base_model") : null;
        MergeSlice[] slices = [];
        MergeParent[] models;
        if (keys.TryGetValue("slices", out YamlNode? listed))
        {
            if (keys.TryGetValue("models", out YamlNode? whole))
                throw Wrong(whole, "models and slices are both given; expected one of them");
            slices = Slices(listed, method, baseModel);
            models = [.. slices.SelectMany(s => s.Models).DistinctBy(m => m.Folder)];
        }
        else
            models = Models(Required(keys, root, "models"), method, baseModel);
        MergeConfig config = new()
        {
            Method = method, Models = models, BaseModel = baseModel, Slices = slices, Data = Data(keys),
            Parameters = keys.TryGetValue("parameters", out YamlNode? given)
                ? Values(given, method, "parameters") : new Dictionary<string, ParameterValue>(),
            Align = Alignment(keys),
            AlignText = keys.TryGetValue("align_text", out YamlNode? text) ? Text(text, "align_text") : null,
        };
        return config.Problem() is { } problem ? throw Wrong(root, problem)
            : config with { Dtype = Dtype(keys), TokenizerSource = Tokenizer(keys, baseModel, models) };
    }

    MergeParent[] Models(YamlNode node, MergeMethod method, string? baseModel)
    {
        if (node is not YamlSequenceNode { Children.Count: > 0 } list)
            throw Wrong(node, "models is no list with an entry; expected a list of models");
        MergeParent[] all = [.. list.Children.Select(c => Parent(c, method))];
        return BesideBase(node, all, m => m.Folder, method, baseModel);
    }

    T[] BesideBase<T>(
        YamlNode node, T[] all, Func<T, string> folder, MergeMethod method, string? baseModel)
        => MergeConfig.BesideBase(all, folder, method, baseModel)
            ?? throw Wrong(node, "base_model is none of the models; slerp begins at it");

    MergeParent Parent(YamlNode node, MergeMethod method)
    {
        if (node is not YamlMappingNode map)
            throw Wrong(node, "models has an entry without model; expected - model: FOLDER");
        Dictionary<string, YamlNode> keys = Keys(map, s_modelKeys, "models: ");
        string folder = Text(Required(keys, map, "model"), "model");
        return new(folder, keys.TryGetValue("parameters", out YamlNode? given)
            ? OwnValues(given, method) : new Dictionary<string, ParameterValue>())
        {
            Data = Data(keys),
        };
    }

    MergeData? Data(Dictionary<string, YamlNode> keys)
    {
        bool text = keys.TryGetValue(TextFile, out YamlNode? file), rows = keys.TryGetValue(Batch, out
            YamlNode? batch);
        if (text && rows)
            throw Wrong(batch!, $"{TextFile} and {Batch} are both given; expected one of them");
        return text ? new MergeData(Text(file!, TextFile), IsBatch: false)
            : rows ? new MergeData(Text(batch!, Batch), IsBatch: true) : null;
    }

    // What holds for the whole merge would say nothing inside one model.
    Dictionary<string, ParameterValue> OwnValues(YamlNode node, MergeMethod method)
    {
        Dictionary<string, ParameterValue> values = Values(node, method, "parameters");
        return method.Parameters.FirstOrDefault(p => !p.PerModel && values.ContainsKey(p.Name)) is { } shared
            ? throw Wrong(node, $"{shared.Name} holds for all models; put it under the merge's parameters")
            : values;
    }

    Dictionary<string, ParameterValue> Values(YamlNode node, MergeMethod method, string where)
    {
        if (node is not YamlMappingNode map)
            throw Wrong(node, $"{where} is no mapping; expected names and values");
        string[] names = [.. method.Parameters.Select(p => p.Name), "int8_mask"];
        Dictionary<string, YamlNode> keys = Keys(map, names, $"{method.Name}: ");
        keys.Remove("int8_mask"); // the width of mergekit's masks in memory; it changes no number
        return keys.ToDictionary(k => k.Key,
            k => Value(k.Value, method.Parameters.First(p => p.Name == k.Key)));
    }

    ParameterValue Value(YamlNode node, MergeParameter parameter)
    {
        if (node is YamlSequenceNode { Children: [YamlMappingNode, ..] } filtered)
            return new([.. filtered.Children.Select(c =>
            {
                if (c is not YamlMappingNode map)
                    throw Wrong(c, $"{parameter.Name} mixes filters and numbers");
                Dictionary<string, YamlNode> keys = Keys(map, ["filter", "value"], $"{parameter.Name}: ");
                string? filter = keys.TryGetValue("filter", out YamlNode? f) ? Text(f, "filter") : null;
                return new ParameterChoice(filter, Numbers(Required(keys, map, "value"), parameter));
            })]);
        return new([new ParameterChoice(null, Numbers(node, parameter))]);
    }

    double[] Numbers(YamlNode node, MergeParameter parameter) => node is YamlSequenceNode list
        ? list.Children.Count > 0 ? [.. list.Children.Select(c => Number(c, parameter))]
            : throw Wrong(node, $"{parameter.Name} is an empty list; expected {parameter.Range}")
        : [Number(node, parameter)];

    double Number(YamlNode node, MergeParameter parameter)
    {
        string text = Text(node, parameter.Name);
        double? value = parameter.IsSwitch
            ? text.ToLowerInvariant() switch { "true" or "1" => 1, "false" or "0" => 0, _ => null }
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                ? number : null;
        if (value is not { } known)
            throw Wrong(node, $"{parameter.Name} is {Quoted.Name(text)}; expected {parameter.Range}");
        try
        {
            return parameter.Checked(known);
        }
        catch (UserException e)
        {
            throw Wrong(node, e.Message);
        }
    }

    // Our own key: mergekit aligns nothing.
    AlignmentBy? Alignment(Dictionary<string, YamlNode> keys) => !keys.TryGetValue("align",
        out YamlNode? node) ? null : Text(node, "align") switch
        {
            "weights" => AlignmentBy.Weights,
            "activations" => AlignmentBy.Activations,
            "straight_through" => AlignmentBy.StraightThrough,
            var other => throw Wrong(node, $"align is {Quoted.Name(other)}; expected weights, activations or "
                + "straight_through"),
        };

    string Dtype(Dictionary<string, YamlNode> keys)
    {
        // out_dtype is what is written; dtype alone is what mergekit computes in and writes.
        foreach (string key in (string[])["out_dtype", "dtype"])
            if (keys.TryGetValue(key, out YamlNode? node))
                return s_dtypes.Contains(Text(node, key)) ? Text(node, key) : throw Wrong(node,
                    $"{key} is {Quoted.Name(Text(node, key))}; expected {string.Join(", ", s_dtypes)}"
                    + NearestName.Hint(Text(node, key), s_dtypes));
        return s_dtypes[0];
    }

    string? Tokenizer(Dictionary<string, YamlNode> keys, string? baseModel, MergeParent[] models)
    {
        if (!keys.TryGetValue("tokenizer_source", out YamlNode? node))
            return null;
        string source = Text(node, "tokenizer_source");
        return source == "base"
            ? baseModel ?? throw Wrong(node, "tokenizer_source is base, without base_model")
            : source == "union" ? null // of equal vocabularies; the run requires that they are equal
            : source == baseModel || models.Any(m => m.Folder == source) ? source
            : throw Wrong(node, $"tokenizer_source is {Quoted.Name(source)}; expected base, union or one of "
                + "the models");
    }

    Dictionary<string, YamlNode> Keys(YamlMappingNode map, IReadOnlyList<string> known, string where)
    {
        Dictionary<string, YamlNode> keys = new(StringComparer.Ordinal);
        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            string name = Text(key, "a key");
            if (!known.Contains(name))
                throw Wrong(key, $"{where}{Quoted.Name(name)} is not known here; expected "
                    + string.Join(", ", known) + NearestName.Hint(name, known));
            keys[name] = value;
        }
        return keys;
    }

    YamlNode Required(Dictionary<string, YamlNode> keys, YamlNode where, string name)
        => keys.TryGetValue(name, out YamlNode? node) ? node : throw Wrong(where, $"{name} is missing");

    string Text(YamlNode node, string what) => node is YamlScalarNode { Value: { Length: > 0 } text } ? text
        : throw Wrong(node, $"{what} is no text or number");

    UserException Wrong(YamlNode node, string what)
        => new($"{Quoted.Path(_path)}: line {node.Start.Line}: {what}");
}
