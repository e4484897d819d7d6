using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>A parameter and the tensor that holds it.</summary>
/// <param name="Slice">The parameter, stored as this checkpoint stores it.</param>
/// <param name="Tensor">The tensor's name in the files; null for a bias that the checkpoint does not have,
/// which is 0.</param>
readonly record struct MappedParameter(ParameterSlice Slice, string? Tensor);

/// <summary>How the tensors of a checkpoint are the parameters of a model.</summary>
/// <param name="Parameters">Every parameter, in checkpoint order.</param>
/// <param name="Remarks">What of the files is not as Hugging Face would have written it, a line each.</param>
sealed record CheckpointMap(IReadOnlyList<MappedParameter> Parameters, IReadOnlyList<string> Remarks);

/// <summary>Finds the tensor of every parameter in a checkpoint, whichever way its writer named
/// them.</summary>
static class CheckpointNames
{
    static readonly Role[] s_linear = [Role.QkvWeight, Role.ProjWeight, Role.MlpInWeight, Role.MlpOutWeight];

    // Models are made without one of these sets, never without a part of it.
    static readonly (string Name, Role[] Roles)[] s_biases =
    [
        ("biases of LayerNorms", [Role.Norm1Bias, Role.Norm2Bias, Role.FinalNormBias]),
        ("biases of matrices", [Role.QkvBias, Role.ProjBias, Role.MlpInBias, Role.MlpOutBias]),
    ];

    // What GPTQ, AWQ, bitsandbytes and compressed-tensors add to the name of a matrix.
    static readonly string[] s_quantised =
        [".qweight", ".qzeros", ".g_idx", ".SCB", ".absmax", ".quant_map", ".weight_scale", ".weight_packed"];

    /// <summary>Pairs every parameter with the tensor that holds it.</summary>
    /// <exception cref="UserException">A tensor is missing, unexpected, doubled, or of another shape or
    /// type.</exception>
    internal static CheckpointMap Match(string dir, SafetensorsShards shards, ParameterLayout parameters)
    {
        Architecture architecture = parameters.Architecture;
        string prefix = Prefix(shards, architecture);
        var found = new Dictionary<ParameterSlice, string>();
        List<string> unexpected = [], doubled = [], otherHeads = [];
        foreach (SafetensorsEntry entry in shards.Entries)
        {
            string name = Plain(entry.Name, prefix, architecture);
            if (parameters.TryFind(name, out ParameterSlice? slice))
            {
                if (!found.TryAdd(slice, entry.Name) && !IsSame(shards, found[slice], entry.Name))
                    doubled.Add(entry.Name);
            }
            else if (architecture.IsOtherHead(name))
                otherHeads.Add(entry.Name);
            else if (!architecture.Ignores(name))
                unexpected.Add(entry.Name);
        }
        RequireFloats(dir, shards);
        bool headIsEmbedding = TakeHead(shards, parameters, prefix, found);
        string[] absent = [.. s_biases.Where(set => IsWithout(set.Roles, parameters, found))
            .Select(s => s.Name)];
        bool turned = !shards.HoldsState && IsTurned(shards, parameters, found);
        MappedParameter[] mapped = [.. parameters.Slices.Select(slice => new MappedParameter(
            turned && s_linear.Contains(slice.Role) ? slice with { Stored = StoredForm.Transposed }
            : shards.HoldsState ? slice with { Stored = StoredForm.AsInMemory } : slice,
            found.GetValueOrDefault(slice)))];
        string[] missing = [.. mapped
            .Where(p => p.Tensor is null
                && !s_biases.Any(set => absent.Contains(set.Name) && set.Roles.Contains(p.Slice.Role)))
            .Select(p => p.Slice.Name)];
        string[] problems =
        [
            .. missing.Length > 0 ? [$"missing {Quoted.Names(missing)}"] : Array.Empty<string>(),
            .. unexpected.Count > 0 ? [$"unexpected {Quoted.Names(unexpected)}"] : Array.Empty<string>(),
            .. doubled.Count > 0 ? [$"twice, under two names with different numbers: {Quoted.Names(doubled)}"]
                : Array.Empty<string>(),
            .. Misfits(shards, mapped).Take(3),
        ];
        if (problems.Length > 0)
            throw new UserException($"{Quoted.Path(dir)}: the weights do not fit config.json: "
                + $"{string.Join("; ", problems)}.");
        return new CheckpointMap(mapped,
        [
            .. otherHeads.Count > 0
                ? [$"{Quoted.Path(dir)}: passed over {Quoted.Names(otherHeads)}, of a head for another task"]
                : Array.Empty<string>(),
            .. absent.Length > 0
                ? [$"{Quoted.Path(dir)}: the checkpoint has no {string.Join(" and no ", absent)}; they are 0"]
                : Array.Empty<string>(),
            .. headIsEmbedding
                ? [$"{Quoted.Path(dir)}: {architecture.NameOf(Role.HeadWeight)} is read as the token "
                    + "embedding, to which it is tied; there is no "
                    + architecture.NameOf(Role.TokenEmbedding)]
                : Array.Empty<string>(),
            .. turned
                ? [$"{Quoted.Path(dir)}: matrices are [outputs, inputs] as in nanoGPT, and are read as such"]
                : Array.Empty<string>(),
        ]);
    }

    // A matrix that is saved under two names of its module must be one matrix.
    static bool IsSame(SafetensorsShards shards, string a, string b)
    {
        SafetensorsEntry entry = shards.Find(a);
        if (!entry.Dtype.IsFloat() || !shards.Find(b).Dtype.IsFloat()
            || !entry.Shape.SequenceEqual(shards.Find(b).Shape))
            return false;
        float[] first = new float[entry.Length], second = new float[entry.Length];
        shards.Read(a, first);
        shards.Read(b, second);
        return first.AsSpan().SequenceEqual(second);
    }

    // safetensors.torch.save_model keeps one of two names of a shared matrix, the first in the alphabet.
    static bool TakeHead(SafetensorsShards shards, ParameterLayout parameters, string prefix,
        Dictionary<ParameterSlice, string> found)
    {
        Architecture architecture = parameters.Architecture;
        ParameterSlice embedding = parameters.Slices.Single(s => s.Role == Role.TokenEmbedding);
        if (found.ContainsKey(embedding) || !architecture.Has(Role.HeadWeight)
            || parameters.Slices.Any(s => s.Role == Role.HeadWeight))
            return false;
        string head = architecture.NameOf(Role.HeadWeight);
        SafetensorsEntry? entry =
            shards.Entries.FirstOrDefault(e => Plain(e.Name, prefix, architecture) == head);
        return entry is not null && found.TryAdd(embedding, entry.Name);
    }

    /// <summary>
    /// What stands before every name: the architecture's prefix or none, with anything that a wrapper put in
    /// front (<c>_orig_mod.</c>, <c>module.</c>). Read off the token embedding, which a checkpoint has once,
    /// or off the last norm where a tied head holds the embedding.
    /// </summary>
    internal static string Prefix(SafetensorsShards shards, Architecture architecture)
        => Before(shards, architecture.NameOf(Role.TokenEmbedding))
            ?? Before(shards, architecture.NameOf(Role.FinalNormWeight)) ?? "";

    // Null where no tensor has the name, empty where several have.
    static string? Before(SafetensorsShards shards, string name)
    {
        string[] names = [.. shards.Entries.Select(e => e.Name)
            .Where(n => n == name || n.EndsWith("." + name, StringComparison.Ordinal))];
        return names.Length == 0 ? null : names.Length == 1 ? names[0][..^name.Length] : "";
    }

    /// <summary>A tensor's name without the prefix; a head lies outside of the architecture's own.</summary>
    internal static string Plain(string name, string prefix, Architecture architecture)
    {
        string outer = architecture.Prefix.Length > 0
            && prefix.EndsWith(architecture.Prefix, StringComparison.Ordinal)
            ? prefix[..^architecture.Prefix.Length] : prefix;
        return architecture.WithoutPrefix(
            name.StartsWith(outer, StringComparison.Ordinal) ? name[outer.Length..] : name);
    }

    static bool IsWithout(Role[] roles, ParameterLayout parameters, Dictionary<ParameterSlice, string> found)
    {
        ParameterSlice[] slices = [.. parameters.Slices.Where(s => roles.Contains(s.Role))];
        return slices.Length > 0 && !slices.Any(found.ContainsKey);
    }

    // torch.nn.Linear keeps [outputs, inputs], Hugging Face's GPT-2 [inputs, outputs]. Queries, keys and
    // values are never square and so tell them apart, for the square matrices too.
    static bool IsTurned(
        SafetensorsShards shards, ParameterLayout parameters, Dictionary<ParameterSlice, string> found)
    {
        ParameterSlice[] qkv = [.. parameters.Slices.Where(s => s.Role == Role.QkvWeight)];
        return qkv.All(s => s.Stored == StoredForm.AsInMemory && found.TryGetValue(s, out string? name)
            && shards.Find(name).Shape.SequenceEqual([s.Shape[1], s.Shape[0]]));
    }

    static void RequireFloats(string dir, SafetensorsShards shards)
    {
        SafetensorsEntry? entry = shards.Entries.FirstOrDefault(
            e => s_quantised.Any(end => e.Name.EndsWith(end, StringComparison.Ordinal))
            || (e.Dtype.IsQuantised() && e.Name.EndsWith(".weight", StringComparison.Ordinal)));
        if (entry is not null)
            throw new UserException($"{Quoted.Path(dir)}: a quantised checkpoint ({entry}), which is not "
                + $"read; use the {SafetensorsDtypes.Floats} weights it was made from.");
    }

    static IEnumerable<string> Misfits(SafetensorsShards shards, MappedParameter[] mapped)
    {
        foreach ((ParameterSlice slice, string? name) in mapped)
        {
            if (name is null)
                continue;
            SafetensorsEntry entry = shards.Find(name);
            int[] expected = StoredForms.ShapeOf(slice);
            if (!entry.Shape.SequenceEqual(expected.Select(extent => (long)extent)))
                yield return $"{entry}, expected {Quoted.Shape(expected)}";
            else if (!entry.Dtype.IsFloat())
                yield return $"{entry}, expected {SafetensorsDtypes.Floats}";
        }
    }
}
