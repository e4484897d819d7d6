using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The grid of a sweep as text options: every combination of layers, magnitudes, encoders and positions.
/// </summary>
public sealed record GridRequest
{
    /// <summary>Layers: <c>all</c>, or numbers from 0 as in <c>0-3,6</c>.</summary>
    public string Layers { get; init; } = "all";

    /// <summary>Magnitudes: <c>1-15</c> (whole numbers), or <c>0.5,1,2</c>.</summary>
    public string Taus { get; init; } = "1-15";

    /// <summary>Encoders: unembed, embed, layer, jacobian; several are separated by commas.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>Folder of the Jacobian lens of the encoder jacobian; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Positions: all, last, entity; several are separated by commas.</summary>
    public string Position { get; init; } = "all";

    /// <summary>Site: attn_out, result, mlp_out, resid_pre, resid_mid or resid_post.</summary>
    public string Site { get; init; } = "attn_out";

    /// <summary>Head of the site result, from 0; null for other sites.</summary>
    public int? Head { get; init; }

    /// <summary>Whether tau is in units of the residual stream's norm.</summary>
    public bool Relative { get; init; }

    /// <summary>Number of most probable tokens to keep per cell; the published files have 30.</summary>
    public int Top { get; init; }

    /// <summary>Parses the grid and checks it against a model.</summary>
    /// <exception cref="UserException">A list is malformed, or does not fit the model.</exception>
    public SweepGrid Read(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var grid = new SweepGrid
        {
            Layers = Layers == "all" ? [.. Enumerable.Range(0, config.Layers)]
                : [.. InjectionWords.Spans(nameof(Layers), Layers).Select(l => (int)l)],
            Taus = [.. InjectionWords.Numbers(nameof(Taus), Taus)],
            Encoders = [.. Encoder.Split(',').Select(InjectionWords.Encoder)],
            Lens = Lens,
            Positions = [.. Position.Split(',').Select(Positions)],
            Target = InjectionWords.Target(Site),
            Head = Head,
            RelativeToStream = Relative,
            Top = Top,
        };
        grid.Validate(config);
        return grid;
    }

    /// <summary>Adds the grid to a manifest's options.</summary>
    internal static void AddTo(JsonObject options, SweepGrid grid)
    {
        options["layers"] = List(grid.Layers);
        options["taus"] = List(grid.Taus);
        options["encoders"] = List(grid.Encoders.Select(SweptCell.Word));
        if (grid.Lens is { } lens)
            options["lens"] = FileHash.Sha256(Path.Combine(lens, StreamJacobian.WeightsFile));
        options["positions"] = List(grid.Positions.Select(SweptCell.Word));
        options["site"] = SiteNames.Of(grid.Target);
        options["head"] = grid.Head;
        options["relative"] = grid.RelativeToStream;
        options["top"] = grid.Top;
    }

    static JsonArray List<T>(IEnumerable<T> values) => new([.. values.Select(v => JsonValue.Create(v))]);

    static MemoryPositions Positions(string word) => word switch
    {
        "all" => MemoryPositions.All,
        "last" => MemoryPositions.Last,
        "entity" => MemoryPositions.Entity,
        _ => throw new UserException($"{Field.Of(nameof(Position))} is {Quoted.Name(word)}; expected all, "
            + "last or entity"),
    };
}
