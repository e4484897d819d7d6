using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What a request reads through a lens.</summary>
public sealed record AccessLens
{
    /// <summary>The lens: <c>logit</c>, or one that the server was started with.</summary>
    public string Name { get; init; } = LensSource.Logit;

    /// <summary>Layers; null for all that the lens has.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Heads; null for all, if the lens reads heads.</summary>
    public IReadOnlyList<int>? Heads { get; init; }

    /// <summary>Positions; negative ones count from the end; the last one unless others are named.</summary>
    public IReadOnlyList<int> Positions { get; init; } = [-1];

    /// <summary>Tokens to name.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Reads the field <c>lens</c>.</summary>
    /// <exception cref="BadRequestException">A field is wrong.</exception>
    internal static AccessLens Parse(RequestFields f)
    {
        f.Only("name", "layers", "heads", "positions", "top");
        return new AccessLens
        {
            Name = f.Text("name") ?? LensSource.Logit, Layers = f.Ints("layers"), Heads = f.Ints("heads"),
            Positions = f.Ints("positions") ?? [-1], Top = f.Int("top", 5, 1, 1000),
        };
    }

    /// <summary>The field with every default written out.</summary>
    internal JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["layers"] = Layers is null ? null : AccessRequest.Numbers(Layers),
        ["heads"] = Heads is null ? null : AccessRequest.Numbers(Heads),
        ["positions"] = AccessRequest.Numbers(Positions),
        ["top"] = Top,
    };

    /// <summary>Checks it against a model and inputs.</summary>
    /// <exception cref="BadRequestException">There is no such lens, layer, head or position.</exception>
    internal void Require(ResidentModel model, IReadOnlyList<int[]> rows)
    {
        if (!model.Lenses.TryGetValue(Name, out LensSource? lens))
            throw new BadRequestException($"there is no lens {Quoted.Name(Name)}; expected "
                + string.Join(" or ", model.Lenses.Keys), "lens.name", "lens_not_found");
        foreach (int layer in Layers ?? [])
            if (!lens.Layers.Contains(layer))
                throw new BadRequestException($"the lens {Quoted.Name(Name)} has no layer {layer}",
                    "lens.layers");
        if (Heads is not null && !lens.ReadsHeads)
            throw new BadRequestException($"the lens {Quoted.Name(Name)} reads no heads; leave heads out",
                "lens.heads");
        foreach (int head in Heads ?? [])
            if (head < 0 || head >= model.Config.Heads)
                throw new BadRequestException(
                    $"head {head} does not exist; this model has heads 0 to {model.Config.Heads - 1}",
                    "lens.heads");
        if (Top > model.Config.VocabSize)
            throw new BadRequestException($"top is {Top}; the vocabulary has {model.Config.VocabSize} tokens",
                "lens.top");
        foreach (int[] row in rows)
            PositionsOf(row.Length);
    }

    /// <summary>The places of a text.</summary>
    /// <exception cref="BadRequestException">One is beyond it, or there is none.</exception>
    internal int[] PositionsOf(int length)
    {
        int[] places = [.. Positions.Select(p => p >= 0 ? p : p + length)];
        foreach (int place in places)
            if (place < 0 || place >= length)
                throw new BadRequestException(
                    $"a position does not exist; the input has {Counted.Of(length, "token")}",
                    "lens.positions");
        return places.Length > 0 ? places : throw new BadRequestException(
            "no position is asked for; expected at least one", "lens.positions");
    }
}
