using HeadTap.Merge;

namespace HeadTap.Jobs;

/// <summary>A merge method, as a list shows it.</summary>
/// <param name="Name">Name in a configuration.</param>
/// <param name="Equation">Equation, in the symbols of src/Merge/README.md.</param>
/// <param name="Paper">Where it is published.</param>
/// <param name="BaseModel">none, optional or required.</param>
/// <param name="FewestModels">The fewest models that it takes, without the base.</param>
/// <param name="MostModels">The most; null for any number.</param>
/// <param name="Parameters">What it reads.</param>
public sealed record MergeMethodRow(string Name, string Equation, string Paper, string BaseModel,
    int FewestModels, int? MostModels, IReadOnlyList<MergeParameterRow> Parameters);

/// <summary>A parameter of a merge method.</summary>
/// <param name="Name">Name in a configuration.</param>
/// <param name="Default">The value without one; null where one must be given.</param>
/// <param name="Range">Range of allowed values.</param>
/// <param name="PerModel">Whether each model has a value of its own.</param>
/// <param name="Meaning">Meaning of the parameter.</param>
public sealed record MergeParameterRow(
    string Name, double? Default, string Range, bool PerModel, string Meaning);

/// <summary>Lists the merge methods.</summary>
public static class MergeMethodsJob
{
    /// <summary>Returns the list.</summary>
    public static IReadOnlyList<MergeMethodRow> Run() =>
    [
        .. MergeMethods.All.Select(m => new MergeMethodRow(m.Name, m.Equation, m.Paper,
            m.Base.ToString().ToLowerInvariant(), m.FewestModels,
            m.MostModels == int.MaxValue ? null : m.MostModels,
            [.. m.Parameters.Select(p => new MergeParameterRow(
                p.Name, p.Default, p.Range, p.PerModel, p.Meaning))])),
    ];
}
