using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>A merge as mergekit's YAML describes it, read and checked, before any weight is read.</summary>
public sealed record MergeConfig
{
    /// <summary>The method.</summary>
    public required MergeMethod Method { get; init; }

    /// <summary>The models in order, the base left out.</summary>
    public required IReadOnlyList<MergeParent> Models { get; init; }

    /// <summary>The layers of the merge, from the first to the last; empty where each is made of the same
    /// layer of all <see cref="Models"/>.</summary>
    public IReadOnlyList<MergeSlice> Slices { get; init; } = [];

    /// <summary>Folder of the base model; null for none.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Parameters that hold for all models.</summary>
    public IReadOnlyDictionary<string, ParameterValue> Parameters { get; init; }
        = new Dictionary<string, ParameterValue>();

    /// <summary>What models that name no file of their own are measured on; null for nothing.</summary>
    public MergeData? Data { get; init; }

    /// <summary>Number format of the file: float32, float16 or bfloat16.</summary>
    public string Dtype { get; init; } = "float32";

    /// <summary>Folder whose tokenizer the merge gets; null for the base's, else the first model's.</summary>
    public string? TokenizerSource { get; init; }

    /// <summary>By what the models are brought into one order before they are merged; null for not at
    /// all.</summary>
    public AlignmentBy? Align { get; init; }

    /// <summary>Text file for an alignment that reads one; null for none.</summary>
    public string? AlignText { get; init; }

    /// <summary>Seed of random masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>The YAML that it was read from; null if it was put together.</summary>
    public string? Text { get; init; }

    /// <summary>What the method lacks: a base, models, a parameter; null if nothing.</summary>
    /// <param name="baseName">What the base is called where the merge was described.</param>
    /// <param name="dataName">What the texts of methods that measure are called there.</param>
    /// <param name="textName">What the text of an alignment is called there.</param>
    public string? Problem(string baseName = "base_model", string dataName = "text_file",
        string textName = "align_text")
    {
        if (DataProblem(dataName) is { } data)
            return data;
        if (Align is not null and not AlignmentBy.Weights && AlignText is null)
            return $"{textName} is missing; this alignment reads a text";
        if (Align is null or AlignmentBy.Weights && AlignText is not null)
            return $"{textName} belongs to an alignment that reads a text; leave it out";
        if (Align is not null && Slices.Count > 0)
            return "align brings whole models into one order; expected models, not slices";
        if (Method.Base == BaseUse.Required && BaseModel is null)
            return $"{baseName} is missing; {Method.Name} needs one";
        return Slices.Count == 0 ? Problem((MergeSlice?)null)
            : Slices.Select(Problem).OfType<string>().FirstOrDefault();
    }

    string? DataProblem(string dataName)
    {
        if (Method is MeasuredMethod && Models.Select(m => m.Parameters).Append(Parameters).SelectMany(p => p)
            .FirstOrDefault(p => !p.Value.IsOneNumber) is { Key: { } listed })
            return $"{listed} is a list; {Method.Name} measures whole models and takes one number";
        if (Method is not MeasuredMethod)
            return Data is null && Models.All(m => m.Data is null) ? null
                : $"{Method.Name} reads no text; leave {dataName} out";
        if (Slices.Count > 0)
            return $"{Method.Name} runs whole models; expected models, not slices";
        return Models.FirstOrDefault(m => (m.Data ?? Data) is null) is { } without
            ? $"{Method.Name} measures models on a text; {dataName} is missing for "
                + Quoted.Path(without.Folder)
            : null;
    }

    string? Problem(MergeSlice? slice)
    {
        IReadOnlyList<MergeParent> models = slice?.Models ?? Models;
        string where = slice is null ? "" : $"the slice of layer {slice.FirstLayer} has ";
        if (models.Count < Method.FewestModels || models.Count > Method.MostModels)
            return $"{where}{Counted.Of(models.Count, "model")} beside the base; {Method.Name} takes "
                + (Method.FewestModels == Method.MostModels ? $"{Method.MostModels}"
                    : models.Count < Method.FewestModels ? $"{Method.FewestModels} or more"
                    : $"{Method.MostModels} at most");
        MergeParameter? missing = Method.Parameters.FirstOrDefault(p => p.Default is null
            && !Parameters.ContainsKey(p.Name) && slice?.Parameters.ContainsKey(p.Name) != true
            && !(p.PerModel && models.All(m => m.Parameters.ContainsKey(p.Name))));
        return missing is null ? null : $"{Method.Name} needs {missing.Name}: {missing.Meaning}";
    }

    /// <summary>The filters of all values, each once.</summary>
    internal IEnumerable<string> Filters => Slices.SelectMany(s => s.Models.Select(m => m.Parameters)
            .Append(s.Parameters)).Concat(Models.Select(m => m.Parameters)).Append(Parameters)
        .SelectMany(values => values.Values).SelectMany(v => v.Choices).Select(c => c.Filter)
        .OfType<string>().Distinct();

    /// <summary>The values of the method's parameters for a tensor.</summary>
    /// <exception cref="UserException">One is missing or outside its range.</exception>
    public TensorSettings For(string tensor, double depth) => For(tensor, depth, null);

    /// <summary>The values for a tensor of a slice: a model's own, else the slice's, else those of
    /// all.</summary>
    internal TensorSettings For(string tensor, double depth, MergeSlice? slice)
    {
        var settings = new TensorSettings { Seed = Seed };
        IReadOnlyList<MergeParent> models = slice?.Models ?? Models;
        foreach (MergeParameter parameter in Method.Parameters)
        {
            double? ofSlice = slice is null ? null : Value(slice.Parameters, parameter, tensor, depth);
            if ((ofSlice ?? Value(Parameters, parameter, tensor, depth)) is { } all)
                settings.With(parameter, all);
            if (parameter.PerModel)
                for (int m = 0; m < models.Count; m++)
                    if (Value(models[m].Parameters, parameter, tensor, depth) is { } own)
                        settings.With(parameter, m, own);
            if (!settings.Has(parameter, parameter.PerModel ? models.Count : 0))
                throw new UserException($"{parameter.Name} has no value for {tensor}; give one without a "
                    + "filter too");
        }
        return settings;
    }

    /// <summary>The models that a method merges: the base is no parent of its own task vectors; slerp, which
    /// has none, begins at it, wherever it stands (in mergekit it is there at t = 0).</summary>
    /// <param name="all">The models as they are listed.</param>
    /// <param name="folder">The folder of one.</param>
    /// <param name="method">The method.</param>
    /// <param name="baseModel">Folder of the base; null for none.</param>
    /// <returns>Null where slerp's base is none of the models.</returns>
    public static T[]? BesideBase<T>(
        T[] all, Func<T, string> folder, MergeMethod method, string? baseModel)
    {
        bool IsBase(T one) => RealPath.Comparer.Equals(RealPath.Of(folder(one)), RealPath.Of(baseModel!));
        if (baseModel is null || (method.Base == BaseUse.None && method is not Slerp))
            return all;
        if (method.Base != BaseUse.None)
            return [.. all.Where(one => !IsBase(one))];
        return all.Any(IsBase) ? [.. all.OrderByDescending(IsBase)] : null;
    }

    static double? Value(IReadOnlyDictionary<string, ParameterValue> values, MergeParameter parameter,
        string tensor, double depth)
        => values.TryGetValue(parameter.Name, out ParameterValue? value) ? value.For(tensor, depth) : null;
}

/// <summary>One model of a merge.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="Parameters">Parameters of its own.</param>
public sealed record MergeParent(string Folder, IReadOnlyDictionary<string, ParameterValue> Parameters)
{
    /// <summary>What it is measured on; null for the merge's.</summary>
    public MergeData? Data { get; init; }
}
