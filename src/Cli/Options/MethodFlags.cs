using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>The options of unlearning methods: each a flag, in a sweep a list of values.</summary>
/// <param name="lists">Whether several values with commas between are taken.</param>
sealed class MethodFlags(bool lists)
{
    // The name of a property of MethodOptions, what it is, and how it is set.
    sealed record Flag(string Property, bool Whole, string Description,
        Func<MethodOptions, double, MethodOptions> Set)
    {
        internal string Name => "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(Property);
    }

    static readonly Flag[] s_flags =
    [
        new(nameof(MethodOptions.Epochs), true, "passes over the rows",
            (o, v) => o with { Epochs = (int)v }),
        new(nameof(MethodOptions.BatchRows), true, "rows of a step", (o, v) => o with { BatchRows = (int)v }),
        new(nameof(MethodOptions.LearningRate), false, "of the method's own training",
            (o, v) => o with { LearningRate = (float)v }),
        new(nameof(MethodOptions.Momentum), false, "of SGD", (o, v) => o with { Momentum = (float)v }),
        new(nameof(MethodOptions.WeightDecay), false, "shrinks what is trained",
            (o, v) => o with { WeightDecay = (float)v }),
        new(nameof(MethodOptions.Alpha), false, "weight of what is kept (balanced-subnet)",
            (o, v) => o with { Alpha = (float)v }),
        new(nameof(MethodOptions.Lambda), false, "weight of a penalty",
            (o, v) => o with { Lambda = (float)v }),
        new(nameof(MethodOptions.Beta), false, "beta of npo", (o, v) => o with { Beta = (float)v }),
        new(nameof(MethodOptions.PathSteps), true, "steps of integrated gradients' path",
            (o, v) => o with { PathSteps = (int)v }),
        new(nameof(MethodOptions.Gradients), true, "m: gradients of the second-order method",
            (o, v) => o with { Gradients = (int)v }),
        new(nameof(MethodOptions.Block), true, "side of the second-order method's blocks",
            (o, v) => o with { Block = (int)v }),
        new(nameof(MethodOptions.Damping), false, "of the second-order method's Fisher matrix",
            (o, v) => o with { Damping = (float)v }),
        new(nameof(MethodOptions.Layer), true, "the layer that rmu steers",
            (o, v) => o with { Layer = (int)v }),
        new(nameof(MethodOptions.Strength), false, "length of rmu's vector, scale of a task vector",
            (o, v) => o with { Strength = (float)v }),
        new(nameof(MethodOptions.Share), false, "that loss truncation drops, or that dropout keeps on",
            (o, v) => o with { Share = (float)v }),
    ];

    readonly (Flag Flag, Option<string?> Option)[] _options = [.. s_flags.Select(f =>
        (f, new Option<string?>(f.Name)
        {
            Description = f.Description, HelpName = lists ? "N,N" : "N",
        }))];

    internal void AddTo(Command command)
    {
        foreach ((_, Option<string?> option) in _options)
            command.Options.Add(option);
    }

    /// <summary>
    /// Every combination of the given values that a method takes, the first flag slowest; one with nothing
    /// set where it takes none of them.
    /// </summary>
    /// <exception cref="UserException">A value is no number.</exception>
    internal IReadOnlyList<MethodOptions> Grid(ParseResult parsed, UnlearningMethod method)
    {
        List<MethodOptions> grid = [new()];
        foreach ((Flag flag, double[] values) in Given(parsed))
            if (method.Takes.Contains(flag.Property))
                grid = [.. grid.SelectMany(o => values.Select(v => flag.Set(o, v)))];
        return grid;
    }

    /// <summary>Refuses a flag that none of some methods reads.</summary>
    /// <exception cref="UserException">There is one.</exception>
    internal void RequireTaken(ParseResult parsed, IReadOnlyList<UnlearningMethod> methods)
    {
        foreach ((Flag flag, _) in Given(parsed))
            if (!methods.Any(m => m.Takes.Contains(flag.Property)))
                throw new UserException(methods.Count > 1 ? $"none of the methods reads {flag.Name}"
                    : $"{methods[0].Name} does not read {flag.Name}; it reads {Names(methods[0])}");
    }

    /// <summary>The options that are set, by their names without dashes.</summary>
    internal static JsonObject Json(MethodOptions options)
    {
        JsonObject all = Manifest.OptionsOf(options);
        foreach (string unset in all.Where(p => p.Value is null).Select(p => p.Key).ToArray())
            all.Remove(unset);
        return all;
    }

    static string Names(UnlearningMethod method) => method.Takes.Count == 0 ? "no options"
        : string.Join(", ", s_flags.Where(f => method.Takes.Contains(f.Property)).Select(f => f.Name));

    IEnumerable<(Flag, double[])> Given(ParseResult parsed)
    {
        foreach ((Flag flag, Option<string?> option) in _options)
            if (parsed.GetValue(option) is { } text)
                yield return (flag,
                    [.. (lists ? text.Split(',') : [text]).Select(word => Number(flag, word))]);
    }

    double Number(Flag flag, string word)
    {
        NumberStyles style = flag.Whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float;
        if (double.TryParse(word, style, CultureInfo.InvariantCulture, out double value)
            && Math.Abs(value) <= (flag.Whole ? int.MaxValue : float.MaxValue))
            return value;
        throw new UserException($"{flag.Name} is {Quoted.Name(word)}; expected a "
            + $"{(flag.Whole ? "whole " : "")}number{(lists ? ", or several with commas between" : "")}");
    }
}
