using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="MergeRunJob"/>: a file, or a method with its models.</summary>
public sealed record MergeRunOptions
{
    /// <summary>File of mergekit's YAML; null where <see cref="Method"/> is given.</summary>
    public string? Config { get; init; }

    /// <summary>Name of the method; null where <see cref="Config"/> is given.</summary>
    public string? Method { get; init; }

    /// <summary>Folders of the models, without the base.</summary>
    public IReadOnlyList<string> Model { get; init; } = [];

    /// <summary>Folder of the base model; null for none.</summary>
    public string? Base { get; init; }

    /// <summary>Weight of each model, in their order; empty for the default.</summary>
    public IReadOnlyList<double> Weight { get; init; } = [];

    /// <summary>t of slerp and nearswap; null if not given.</summary>
    public double? T { get; init; }

    /// <summary>Share of each task vector that is kept; null for the default.</summary>
    public double? Density { get; init; }

    /// <summary>Factor of the sum of task vectors; null for the default.</summary>
    public double? Lambda { get; init; }

    /// <summary>Values of other parameters, each NAME=VALUE, for all models.</summary>
    public IReadOnlyList<string> Set { get; init; } = [];

    /// <summary>Texts of methods that measure models: one for all, or one for each in their order.</summary>
    public IReadOnlyList<string> TextFile { get; init; } = [];

    /// <summary>Instead of texts: JSON lists of rows of token ids or texts.</summary>
    public IReadOnlyList<string> Batch { get; init; } = [];

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>By what the models are brought into one order first: weights, activations or
    /// straight_through; null for not at all.</summary>
    public string? Align { get; init; }

    /// <summary>Text file for an alignment that reads one.</summary>
    public string? AlignText { get; init; }

    /// <summary>Folder for the model.</summary>
    public required string Out { get; init; }

    /// <summary>The merge that they describe, checked.</summary>
    /// <exception cref="UserException">They do not fit together.</exception>
    internal MergeConfig Read(ulong seed)
    {
        if (Config is not null == Method is not null)
            throw new UserException("expected a file of the merge, or "
                + $"{Field.Of(nameof(Method))} and its models, one of them");
        if (Config is not null)
        {
            (string Name, bool Given)[] flags =
            [
                (nameof(Model), Model.Count > 0), (nameof(Base), Base is not null),
                (nameof(Weight), Weight.Count > 0), (nameof(T), T is not null),
                (nameof(Density), Density is not null), (nameof(Lambda), Lambda is not null),
                (nameof(Set), Set.Count > 0), (nameof(TextFile), TextFile.Count > 0),
                (nameof(Batch), Batch.Count > 0),
                (nameof(Align), Align is not null), (nameof(AlignText), AlignText is not null),
            ];
            if (flags.FirstOrDefault(f => f.Given).Name is { } flag)
                throw new UserException($"{Field.Of(flag)} goes with {Field.Of(nameof(Method))}; a file of "
                    + "the merge says it itself");
            return MergeConfigReader.Read(Config) with { Seed = seed };
        }
        MergeMethod method = MergeMethods.Named(Method!);
        if (Weight.Count > 0 && Weight.Count != Model.Count)
            throw new UserException($"{Field.Of(nameof(Weight))} is given for {Weight.Count} of "
                + $"{Counted.Of(Model.Count, "model")}; expected one for each, or none");
        var all = new Dictionary<string, ParameterValue>();
        Take(all, method, "t", nameof(T), T);
        Take(all, method, "density", nameof(Density), Density);
        Take(all, method, "lambda", nameof(Lambda), Lambda);
        foreach (string setting in Set)
            TakeSetting(all, method, setting);
        if (Weight.Count > 0 && all.ContainsKey(MergeParameter.Weight.Name))
            throw Twice(MergeParameter.Weight.Name);
        if (Base is not null && method.Base == BaseUse.None && method is not Slerp)
            throw new UserException($"{method.Name} has no base; leave {Field.Of(nameof(Base))} out");
        MergeParent[] given = [.. Model.Select((folder, m) =>
        {
            var own = new Dictionary<string, ParameterValue>();
            Take(own, method, MergeParameter.Weight.Name, nameof(Weight),
                Weight.Count > 0 ? Weight[m] : null);
            return new MergeParent(folder, own) { Data = DataOf(m) };
        })];
        var config = new MergeConfig
        {
            Method = method, BaseModel = Base, Parameters = all, Seed = seed, AlignText = AlignText,
            Align = Align is null ? null : MergeAlignJob.Choice(Align, nameof(Align), MergeAlignJob.Kinds),
            Data = DataOf(-1),
            Models = MergeConfig.BesideBase(given, m => m.Folder, method, Base) ?? throw new UserException(
                $"{Field.Of(nameof(Base))} is none of the models; slerp begins at it"),
        };
        return config.Problem(Field.Of(nameof(Base)), Field.Of(nameof(TextFile)),
            Field.Of(nameof(AlignText))) is { } problem
            ? throw new UserException(problem) : config;
    }

    // One file holds for all models; several, for one each.
    MergeData? DataOf(int model)
    {
        if (TextFile.Count > 0 && Batch.Count > 0)
            throw new UserException($"{Field.Of(nameof(TextFile))} and {Field.Of(nameof(Batch))} are both "
                + "given; expected one of them");
        (IReadOnlyList<string> files, string option) = Batch.Count > 0 ? (Batch, nameof(Batch))
            : (TextFile, nameof(TextFile));
        if (files.Count > 1 && files.Count != Model.Count)
            throw new UserException($"{Field.Of(option)} is given for {files.Count} of "
                + $"{Counted.Of(Model.Count, "model")}; expected one for all, or one for each");
        return files.Count == 0 || files.Count == 1 != model < 0 ? null
            : new MergeData(files[Math.Max(model, 0)], IsBatch: Batch.Count > 0);
    }

    static void TakeSetting(
        Dictionary<string, ParameterValue> values, MergeMethod method, string setting)
    {
        string[] parts = setting.Split('=', 2);
        MergeParameter? parameter = method.Parameters.FirstOrDefault(p => p.Name == parts[0]);
        if (parts.Length < 2 || parameter is null)
            throw new UserException($"{Field.Of(nameof(Set))} is {Quoted.Name(setting)}; expected NAME=VALUE "
                + $"with a parameter of {method.Name}: "
                + (method.Parameters.Count == 0 ? "it reads none"
                    : string.Join(", ", method.Parameters.Select(p => p.Name))
                        + NearestName.Hint(parts[0], method.Parameters.Select(p => p.Name))));
        if (values.ContainsKey(parameter.Name))
            throw Twice(parameter.Name);
        double? number = parameter.IsSwitch && parts[1] is "true" or "false" ? parts[1] == "true" ? 1 : 0
            : double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? value : null;
        values[parameter.Name] = ParameterValue.Of(parameter.Checked(number ?? throw new UserException(
            $"{Field.Of(nameof(Set))}: {parameter.Name} is {Quoted.Name(parts[1])}; expected "
            + parameter.Range)));
    }

    static UserException Twice(string parameter)
        => new($"{Field.Of(nameof(Set))}: {parameter} is given twice; expected it once");

    static void Take(Dictionary<string, ParameterValue> values, MergeMethod method, string name,
        string option, double? value)
    {
        if (value is not { } given)
            return;
        MergeParameter parameter = method.Parameters.FirstOrDefault(p => p.Name == name)
            ?? throw new UserException($"{method.Name} does not read {Field.Of(option)}; it reads "
                + (method.Parameters.Count == 0 ? "no parameter"
                    : string.Join(", ", method.Parameters.Select(p => p.Name))));
        values[name] = ParameterValue.Of(parameter.Checked(given));
    }
}

/// <summary>The model that was written.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="ModelHash">Its hash.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Models">The models, without the base.</param>
/// <param name="BaseModel">The base; null for none.</param>
/// <param name="Parameters">Numbers of the model.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record MergeRunResult(string Out, string ModelHash, string Method,
    IReadOnlyList<MergedModel> Models, MergedModel? BaseModel, long Parameters, double Seconds);

/// <summary>A parent of a merge.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="ModelHash">Its hash.</param>
public sealed record MergedModel(string Folder, string ModelHash);

/// <summary>Makes one model of several.</summary>
public static class MergeRunJob
{
    const string ConfigFile = "mergekit_config.yml";

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The options, the file or the models do not fit together, or a number
    /// of a model is not finite.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; nothing is left.</exception>
    public static MergeRunResult Run(MergeRunOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        var watch = Stopwatch.StartNew();
        MergeConfig config = options.Read(context.Seed);
        options.Rules.RequireObeyed([.. config.Models.Select(m => m.Data ?? config.Data).OfType<MergeData>()
            .Where(d => !d.IsBatch).Select(d => d.Path)], nameof(options.TextFile));
        AtomicFolder.RequireNew(options.Out);
        Require(config, options.Config, context);
        using AlignedParents? aligned = config.Align is { } by
            ? AlignedParents.Of(config, by, options.Out + ".aligned", context) : null;
        MergeConfig ready =
            MergeMeasuring.Measured(aligned?.Config ?? config, options.Rules, context, out JsonArray? data);
        using var run = new MergeRun(ready);
        MergedModel[] models = [.. config.Models.Select(m => Parent(m.Folder))];
        MergedModel? start = config.Method.Base != BaseUse.None && config.BaseModel is { } folder
            ? Parent(folder) : null;
        run.Write(options.Out, into =>
        {
            AtomicFile.WriteText(Path.Combine(into, ConfigFile),
                config.Text ?? Yaml(config));
            AtomicFile.WriteText(Path.Combine(into, "README.md"), Card(config, models, start));
            JsonObject made = new()
            {
                ["method"] = config.Method.Name, ["models"] = Hashes(models),
                ["base_model"] = start is null ? null : Hashes([start])[0]!.DeepClone(),
            };
            if (data is not null)
                made["data"] = data;
            if (config.Align is { } order)
                made["align"] = MergeAlignJob.Kinds.First(k => k.By == order).Name;
            if (config.AlignText is { } alignText)
                made["align_text"] = new JsonObject
                {
                    ["file"] = alignText, ["sha256"] = FileHash.Sha256([alignText]),
                };
            if (options.Rules != new TextRules())
                made["texts"] = new JsonObject
                {
                    ["bos"] = options.Rules.Bos, ["bos_token"] = options.Rules.BosToken,
                    ["special"] = options.Rules.Special, ["fields"] = options.Rules.Fields,
                    ["lines"] = options.Rules.Lines,
                };
            new Manifest { Command = "merge run", Seed = config.Seed, Options = made }
                .Write(Path.Combine(into, "manifest.json"));
        }, share => context.Report("merging", share), context.Cancel);
        return new MergeRunResult(options.Out, ModelFolder.Hash(options.Out), config.Method.Name, models,
            start, run.Parameters, watch.Elapsed.TotalSeconds);
    }

    // That the models fit together is seen before anything is measured or aligned.
    static void Require(MergeConfig config, string? file, JobContext context)
    {
        try
        {
            using var run = new MergeRun(config);
            foreach (string filter in run.IdleFilters)
                context.Say($"filter {Quoted.Name(filter)} occurs in no tensor's name; its values hold for "
                    + "nothing");
        }
        catch (UserException e) when (file is not null)
        {
            throw new UserException($"{Quoted.Path(file)}: {e.Message}");
        }
        OneVocabulary.Require(
            config.Models.Select(m => m.Folder).Append(config.BaseModel).OfType<string>(), "merge");
    }

    static MergedModel Parent(string folder) => new(folder, ModelFolder.Hash(folder));

    static JsonArray Hashes(IEnumerable<MergedModel> models) => new([.. models.Select(m =>
        (JsonNode)new JsonObject { ["folder"] = m.Folder, ["model_hash"] = m.ModelHash })]);

    // The flags as mergekit would take them.
    static string Yaml(MergeConfig config)
    {
        var yaml = new StringBuilder($"merge_method: {config.Method.Name}\n");
        if (config.BaseModel is { } start)
            yaml.Append(CultureInfo.InvariantCulture, $"base_model: {Text(start)}\n");
        yaml.Append("models:\n");
        foreach (MergeParent parent in config.Models)
        {
            yaml.Append(CultureInfo.InvariantCulture, $"  - model: {Text(parent.Folder)}\n");
            Data(yaml, parent.Data, "    ");
            Values(yaml, parent.Parameters, "    ");
        }
        Data(yaml, config.Data, "");
        Values(yaml, config.Parameters, "");
        if (config.Align is { } by)
            yaml.Append(CultureInfo.InvariantCulture,
                $"align: {MergeAlignJob.Kinds.First(k => k.By == by).Name}\n");
        if (config.AlignText is { } text)
            yaml.Append(CultureInfo.InvariantCulture, $"align_text: {Text(text)}\n");
        return yaml.Append(CultureInfo.InvariantCulture, $"dtype: {config.Dtype}\n").ToString();
    }

    static void Data(StringBuilder yaml, MergeData? data, string indentation)
    {
        if (data is not null)
            yaml.Append(CultureInfo.InvariantCulture,
                $"{indentation}{(data.IsBatch ? "batch" : "text_file")}: {Text(data.Path)}\n");
    }

    static string Text(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    static void Values(
        StringBuilder yaml, IReadOnlyDictionary<string, ParameterValue> values, string indentation)
    {
        if (values.Count == 0)
            return;
        yaml.Append(CultureInfo.InvariantCulture, $"{indentation}parameters:\n");
        foreach ((string name, ParameterValue value) in values)
            yaml.Append(CultureInfo.InvariantCulture,
                $"{indentation}  {name}: {value.Choices[0].Gradient[0]:R}\n");
    }

    static string Card(MergeConfig config, MergedModel[] models, MergedModel? start)
    {
        var card = new StringBuilder($"""
            # A merge of {Counted.Of(models.Length, "model")} by {config.Method.Name}

            `{config.Method.Equation}` ({config.Method.Paper})

            | model | hash |
            |---|---|

            """);
        foreach (MergedModel model in models)
            card.Append(CultureInfo.InvariantCulture, $"| {Name(model)} | `{model.ModelHash[..12]}` |\n");
        if (start is not null)
            card.Append(CultureInfo.InvariantCulture,
                $"| base: {Name(start)} | `{start.ModelHash[..12]}` |\n");
        card.Append(CultureInfo.InvariantCulture,
            $"\n[{ConfigFile}]({ConfigFile}) is the merge; random masks have seed {config.Seed}.\n");
        return card.ToString();
    }

    static string Name(MergedModel model) => Path.GetFileName(Path.TrimEndingDirectorySeparator(
        Path.GetFullPath(model.Folder))).Replace("|", "\\|", StringComparison.Ordinal);
}
