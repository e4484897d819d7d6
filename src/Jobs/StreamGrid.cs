using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A row of a grid: what the stream says at one place of the model, position by position.</summary>
/// <param name="Place">before 3, middle of 3, after 3, or end.</param>
/// <param name="Layer">The layer, from 0; null behind the last one.</param>
/// <param name="Cells">[T]: readings beside the model's own distribution.</param>
sealed record StreamGridRow(string Place, int? Layer, IReadOnlyList<StreamReading> Cells);

/// <summary>The stream of a prompt, layer by position, read by one lens.</summary>
/// <param name="Lens">Name of the lens.</param>
/// <param name="Rows">From the first layer to the end, which is the model itself.</param>
sealed record StreamGrid(string Lens, IReadOnlyList<StreamGridRow> Rows)
{
    /// <summary>Tokens of a cell.</summary>
    internal const int Tokens = 3;

    /// <summary>The logit lens before every layer and behind the last one.</summary>
    /// <param name="trajectory">[L + 1][T], by <see cref="StreamTrajectory"/>.</param>
    internal static StreamGrid Of(IReadOnlyList<IReadOnlyList<StreamReading>> trajectory)
        => new("logit lens", [.. trajectory.Select((cells, l) => l == trajectory.Count - 1 ? End(cells)
            : new StreamGridRow($"before {l}", l, cells))]);

    /// <summary>A lens that reads the stream, and behind it the model itself.</summary>
    /// <param name="name">Name of the lens.</param>
    /// <param name="lens">Its options.</param>
    /// <param name="layers">Layers that were read.</param>
    /// <param name="stream">[layers][T]: readings.</param>
    /// <param name="end">[T]: the model's own.</param>
    internal static StreamGrid Of(string name, LensOptions lens, IReadOnlyList<int> layers,
        IReadOnlyList<IReadOnlyList<StreamReading>> stream, IReadOnlyList<StreamReading> end)
    {
        string where = lens.Site switch
        {
            JacobianSite.ResidMid => "middle of",
            JacobianSite.ResidPost => "after",
            _ => "before",
        };
        return new(name, [.. layers.Zip(stream, (l, cells) => new StreamGridRow($"{where} {l}", l, cells)),
            End(end)]);
    }

    /// <summary>The data of stream-grid.js.</summary>
    /// <param name="id">Names a token on the page and returns its id.</param>
    internal JsonObject Data(Func<int, int> id) => new()
    {
        ["lens"] = Lens,
        ["places"] = new JsonArray([.. Rows.Select(row => (JsonNode)row.Place)]),
        ["cells"] = new JsonArray([.. Rows.Select(row => (JsonNode)Cells(row.Cells, id))]),
    };

    /// <summary>
    /// Cells of a page: [three tokens, probability of the first, entropy, rank, KL] each.
    /// </summary>
    internal static JsonArray Cells(IReadOnlyList<StreamReading> cells, Func<int, int> id)
        => [.. cells.Select(reading => (JsonNode)new JsonArray(
        [
            .. Enumerable.Range(0, Tokens).Select(i =>
                (JsonNode)id(reading.Top[Math.Min(i, reading.Top.Count - 1)].Token)),
            Math.Round(reading.Top[0].Probability, 4), Math.Round(reading.Entropy, 3), reading.Rank,
            Math.Round(reading.Divergence, 3),
        ]))];

    static StreamGridRow End(IReadOnlyList<StreamReading> cells) => new("end", null, cells);
}
