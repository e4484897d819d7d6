using System.Globalization;
using HeadTap.Runtime;
using YamlDotNet.RepresentationModel;

namespace HeadTap.Merge;

// slices: layers of the merge, each of a range of layers of one or several models.
public sealed partial class MergeConfigReader
{
    static readonly string[] s_sliceKeys = ["sources", "parameters", OutLayers];
    static readonly string[] s_sourceKeys = ["model", LayerRange, "parameters"];

    const string LayerRange = "layer_range";

    const int MostLayers = 100_000;

    // Not mergekit's: where the slice goes. Without it slices follow each other as they stand.
    const string OutLayers = "out_layers";

    MergeSlice[] Slices(YamlNode node, MergeMethod method, string? baseModel)
    {
        if (node is not YamlSequenceNode { Children.Count: > 0 } list)
            throw Wrong(node, "slices is no list; expected a list of sources");
        List<(MergeSlice Slice, YamlNode Node, bool Placed)> read = [];
        foreach (YamlNode child in list.Children)
        {
            int next = read.Sum(r => r.Slice.Layers);
            (MergeSlice slice, bool placed) = Slice(child, next, method, baseModel);
            if (read.Count > 0 && read[0].Placed != placed)
                throw Wrong(child, $"{OutLayers} is given for some slices; expected for all, or for none");
            read.Add((slice, child, placed));
        }
        read.Sort((a, b) => a.Slice.FirstLayer.CompareTo(b.Slice.FirstLayer));
        int end = 0;
        foreach ((MergeSlice slice, YamlNode where, _) in read)
        {
            if (slice.FirstLayer != end)
                throw Wrong(where, slice.FirstLayer < end
                    ? $"slices overlap: layer {slice.FirstLayer} of the merge is in two of them"
                    : $"slices leave a gap: no slice makes layer {end} of the merge");
            end = slice.FirstLayer + slice.Layers;
        }
        return [.. read.Select(r => r.Slice)];
    }

    (MergeSlice Slice, bool Placed) Slice(
        YamlNode node, int next, MergeMethod method, string? baseModel)
    {
        if (node is not YamlMappingNode map)
            throw Wrong(node, "slices has an entry without sources; expected - sources: [...]");
        Dictionary<string, YamlNode> keys = Keys(map, s_sliceKeys, "slices: ");
        if (Required(keys, map, "sources") is not YamlSequenceNode { Children.Count: > 0 } sources)
            throw Wrong(keys["sources"], "sources is no list; expected a list of models with layer_range");
        (MergeParent Parent, int From, int To)[] all = [.. sources.Children.Select(c => Source(c, method))];
        int layers = all[0].To - all[0].From;
        for (int i = 1; i < all.Length; i++)
            if (all[i].To - all[i].From is var other && other != layers)
                throw Wrong(sources.Children[i], $"{LayerRange} is {Counted.Of(other, "layer")} and the "
                    + $"first source's is {layers}; expected as many from each source");
        (int first, int end) = keys.TryGetValue(OutLayers, out YamlNode? placed)
            ? Range(placed, OutLayers) : (next, next + layers);
        if (end - first != layers)
            throw Wrong(placed!, $"{OutLayers} is {Counted.Of(end - first, "layer")} and {LayerRange} "
                + $"{layers}; expected as many");
        (MergeParent Parent, int From, int To)[] models =
            BesideBase(sources, all, s => s.Parent.Folder, method, baseModel);
        MergeSlice slice = new()
        {
            FirstLayer = first, Layers = layers, Models = [.. models.Select(s => s.Parent)],
            From = [.. models.Select(s => s.From)],
            BaseFrom = all.Where(s => s.Parent.Folder == baseModel).Select(s => s.From)
                .DefaultIfEmpty(all[0].From).First(),
            Parameters = keys.TryGetValue("parameters", out YamlNode? given)
                ? Values(given, method, "parameters") : new Dictionary<string, ParameterValue>(),
        };
        return (slice, placed is not null);
    }

    (MergeParent Parent, int From, int To) Source(YamlNode node, MergeMethod method)
    {
        if (node is not YamlMappingNode map)
            throw Wrong(node, "sources has an entry without model; expected - model: FOLDER");
        Dictionary<string, YamlNode> keys = Keys(map, s_sourceKeys, "sources: ");
        string folder = Text(Required(keys, map, "model"), "model");
        (int from, int to) = Range(Required(keys, map, LayerRange), LayerRange);
        return (new(folder, keys.TryGetValue("parameters", out YamlNode? given)
            ? OwnValues(given, method) : new Dictionary<string, ParameterValue>()), from, to);
    }

    (int From, int To) Range(YamlNode node, string key)
    {
        int[] ends = node is YamlSequenceNode { Children.Count: 2 } list
            ? [.. list.Children.Select(c => int.TryParse(Text(c, key), NumberStyles.None,
                CultureInfo.InvariantCulture, out int layer) ? layer : -1)] : [];
        return ends is [>= 0 and var from, <= MostLayers and var to] && to > from ? (from, to)
            : throw Wrong(node,
                $"{key} is no range; expected [first, end] with 0 <= first < end, the end left out");
    }
}
