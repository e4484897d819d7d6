using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>
/// One flag per option that unlearning methods declare; in a sweep a flag takes a list of values.
/// </summary>
sealed class MethodFlags
{
    readonly bool _lists;
    readonly (MethodOption Declared, Option<string?> Flag)[] _flags;

    /// <param name="lists">Whether a flag takes several values, separated by commas.</param>
    internal MethodFlags(bool lists)
    {
        _lists = lists;
        _flags = [.. MethodCatalog.All.SelectMany(m => m.Options).DistinctBy(o => o.Name).Select(o =>
            (o, new Option<string?>(FlagOf(o.Name))
            {
                Description = Describe(o.Name, MethodCatalog.All), HelpName = lists ? "N,N" : "N",
            }))];
    }

    internal void AddTo(Command command)
    {
        foreach ((_, Option<string?> flag) in _flags)
            command.Options.Add(flag);
    }

    /// <summary>Returns the given values, in the order of the flags.</summary>
    /// <exception cref="UserException">A value is not a number.</exception>
    internal IReadOnlyList<MethodValues> Read(ParseResult parsed)
    {
        var given = new List<MethodValues>();
        foreach ((MethodOption declared, Option<string?> flag) in _flags)
            if (parsed.GetValue(flag) is { } text)
                given.Add(new MethodValues(declared.Name,
                    [.. (_lists ? text.Split(',') : [text]).Select(word => Number(declared, word))]));
        return given;
    }

    /// <summary>Restricts the help to the options of one method.</summary>
    internal void DescribeFor(UnlearningMethod method)
    {
        foreach ((MethodOption declared, Option<string?> flag) in _flags)
            if (method.Options.FirstOrDefault(o => o.Name == declared.Name) is { } own)
                flag.Description = $"{own.Meaning}; {own.Range.Text}; {own.DefaultText} unless given";
            else
                flag.Hidden = true;
    }

    internal static string FlagOf(string option)
        => "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(option);

    /// <summary>
    /// Returns the meaning of an option and its default. If its methods give it different meanings, it lists
    /// each meaning with the names of its methods.
    /// </summary>
    internal static string Describe(string option, IEnumerable<IDeclaredMethod> methods)
    {
        (string Method, MethodOption Option)[] read = [.. methods.SelectMany(m => m.Options
            .Where(o => o.Name == option).Select(o => (m.Name, o)))];
        var meanings = read.GroupBy(r => r.Option.Meaning).ToArray();
        if (meanings.Length > 1 || read.Length == 1)
            return string.Join("; ", meanings.Select(g => $"{Names(g)}: {g.Key}, "
                + string.Join(" or ", g.Select(r => r.Option.DefaultText).Distinct())));
        var defaults = read.GroupBy(r => r.Option.DefaultText).OrderByDescending(g => g.Count()).ToArray();
        return $"{meanings[0].Key}: {defaults[0].Key}"
            + string.Concat(defaults.Skip(1).Select(g => $"; {g.Key} with {Names(g)}"));

        static string Names(IEnumerable<(string Method, MethodOption)> readers)
            => string.Join(", ", readers.Select(r => r.Method));
    }

    double Number(MethodOption option, string word)
    {
        NumberStyles style = option.IsWhole ? NumberStyles.AllowLeadingSign : NumberStyles.Float;
        if (double.TryParse(word, style, CultureInfo.InvariantCulture, out double value)
            && Math.Abs(value) <= (option.IsWhole ? int.MaxValue : float.MaxValue))
            return value;
        string kind = option.IsWhole ? "whole number" : "number";
        throw new UserException($"{FlagOf(option.Name)} is {Quoted.Name(word)}; expected a {kind}"
            + (_lists ? ", or several with commas between" : ""));
    }
}
