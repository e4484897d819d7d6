using System.Globalization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Parses and writes the words of patching options.</summary>
static class PatchWords
{
    const int MostNumbers = 1 << 20;

    static readonly (string Word, SiteKind Kind)[] s_sites =
    [
        ("resid_pre", SiteKind.ResidPre), ("resid_mid", SiteKind.ResidMid),
        ("resid_post", SiteKind.ResidPost), ("attn_out", SiteKind.AttnOut), ("mlp_out", SiteKind.MlpOut),
        ("mlp_pre", SiteKind.MlpPre), ("mlp_post", SiteKind.MlpPost), ("z", SiteKind.Z),
        ("result", SiteKind.Result), ("pattern", SiteKind.Pattern), ("q", SiteKind.Q), ("k", SiteKind.K),
        ("v", SiteKind.V),
    ];

    static readonly (string Word, PatchAxis Axis)[] s_axes =
    [
        ("layer", PatchAxis.Layer), ("position", PatchAxis.Position), ("head", PatchAxis.Head),
        ("head-position", PatchAxis.HeadPosition), ("neuron", PatchAxis.Neuron),
    ];

    static readonly (string Word, MetricKind Kind)[] s_metrics =
    [
        ("logit-diff", MetricKind.LogitDifference), ("logprob", MetricKind.LogProbability),
        ("kl", MetricKind.Divergence), ("rank", MetricKind.Rank),
    ];

    internal static SiteKind Site(string word) => Of("At", word, s_sites);

    internal static string Of(SiteKind kind) => s_sites.Single(s => s.Kind == kind).Word;

    internal static PatchAxis Axis(string? word, SiteKind kind)
    {
        IReadOnlyList<PatchAxis> possible = PatchGrid.AxesOf(kind);
        return word is null ? possible[0]
            : Of("By", word, [.. s_axes.Where(axis => possible.Contains(axis.Axis))], $" at {Of(kind)}");
    }

    internal static string Of(PatchAxis axis) => s_axes.Single(s => s.Axis == axis).Word;

    internal static MetricKind Metric(string word) => Of("Metric", word, s_metrics);

    internal static PatchDirection Direction(string word) => Of("Direction", word,
        [("denoise", PatchDirection.Denoise), ("noise", PatchDirection.Noise)]);

    internal static string Of(PatchDirection direction)
        => direction == PatchDirection.Denoise ? "denoise" : "noise";

    /// <summary>Parses numbers and spans: <c>0-3,6</c>, and with negative ones <c>-1</c>.</summary>
    internal static int[] Numbers(string option, string text, bool negative = false)
    {
        var numbers = new List<int>();
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            bool minus = negative && ends is ["", _];
            if (ends.Length > 2 || !Whole(minus ? ends[1] : ends[0], out int first)
                || !Whole(ends[^1], out int last) || last < first
                || numbers.Count + (long)last - first >= MostNumbers)
                throw new UserException($"{Field.Of(option)} is {Quoted.Name(text)}; expected whole numbers "
                    + "and spans like 0-3, with commas between"
                    + (negative ? "; -1 counts from the end" : ""));
            numbers.AddRange(minus ? [-first] : Enumerable.Range(first, last - first + 1));
        }
        return [.. numbers];
    }

    /// <summary>Parses pairs of positions, clean-corrupt: <c>0-0,1-2</c>.</summary>
    internal static PositionPairs Pairs(string place, string text) => new([.. text.Split(',').Select(part =>
        part.Split('-') is [var clean, var corrupt] && Whole(clean, out int from)
            && Whole(corrupt, out int to) ? (from, to) : throw new UserException(
                $"{place} is {Quoted.Name(text)}; expected pairs of positions, clean-corrupt, "
                + "like 0-0,1-2"))]);

    static bool Whole(string text, out int number)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    static T Of<T>(string option, string word, (string Word, T Value)[] known, string where = "")
    {
        foreach ((string name, T value) in known)
            if (name == word)
                return value;
        string[] names = [.. known.Select(k => k.Word)];
        throw new UserException($"{Field.Of(option)} is {Quoted.Name(word)}; expected "
            + (names.Length == 1 ? names[0] : string.Join(", ", names[..^1]) + " or " + names[^1]) + where);
    }
}
