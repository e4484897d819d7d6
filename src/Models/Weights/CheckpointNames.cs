using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Finds the tensor of every parameter in a checkpoint, whichever way its writer named
/// them.</summary>
static class CheckpointNames
{
    /// <summary>Pairs every parameter with the name its tensor has in the files.</summary>
    /// <exception cref="UserException">A tensor is missing, unexpected, doubled, or of another shape or
    /// type.</exception>
    internal static List<(ParameterSlice Slice, string Name)> Match(
        string dir, SafetensorsShards shards, ParameterLayout parameters)
    {
        Architecture architecture = parameters.Architecture;
        var found = new Dictionary<ParameterSlice, string>();
        List<string> unexpected = [], doubled = [];
        foreach (SafetensorsEntry entry in shards.Entries)
        {
            string name = architecture.WithoutPrefix(entry.Name);
            if (!parameters.TryFind(name, out ParameterSlice? slice))
            {
                if (!architecture.Ignores(name))
                    unexpected.Add(entry.Name);
            }
            else if (!found.TryAdd(slice, entry.Name))
                doubled.Add(entry.Name);
        }
        string[] missing =
            [.. parameters.Slices.Where(slice => !found.ContainsKey(slice)).Select(slice => slice.Name)];
        string[] problems =
        [
            .. missing.Length > 0 ? [$"missing {Quoted.Names(missing)}"] : Array.Empty<string>(),
            .. unexpected.Count > 0 ? [$"unexpected {Quoted.Names(unexpected)}"] : Array.Empty<string>(),
            .. doubled.Count > 0 ? [$"twice, with and without {architecture.Prefix}: {Quoted.Names(doubled)}"]
                : Array.Empty<string>(),
            .. Misfits(shards, found).Take(3),
        ];
        return problems.Length == 0
            ? [.. parameters.Slices.Select(slice => (slice, found[slice]))]
            : throw new UserException($"{Quoted.Path(dir)}: the weights do not fit config.json: "
                + $"{string.Join("; ", problems)}.");
    }

    static IEnumerable<string> Misfits(SafetensorsShards shards, Dictionary<ParameterSlice, string> found)
    {
        foreach ((ParameterSlice slice, string name) in found)
        {
            SafetensorsEntry entry = shards.Find(name);
            int[] expected = StoredForms.ShapeOf(slice);
            if (!entry.Shape.SequenceEqual(expected.Select(extent => (long)extent)))
                yield return $"{entry}, expected {Quoted.Shape(expected)}";
            else if (!entry.Dtype.IsFloat())
                yield return $"{entry}, expected F32, F16 or BF16";
        }
    }
}
