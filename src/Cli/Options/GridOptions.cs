using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>The grid of a sweep on the command line.</summary>
sealed class GridOptions
{
    readonly Option<string> _layers = Words("--layers", "all", "all, or layers from 0: 0-3,6");
    readonly Option<string> _taus = Words("--taus", "1-15", "magnitudes: 1-15, or 0.5,1,2 (1-15 is whole "
        + "numbers)");
    readonly Option<string> _encoders = Words("--encoder", "unembed", "unembed, embed, layer; several with "
        + "commas");
    readonly Option<string> _positions = Words("--position", "all", "all, last, entity; several with commas");
    readonly Option<string> _site = Words("--site", "attn_out",
        "attn_out, result, mlp_out, resid_pre, resid_mid or resid_post");
    readonly Option<int?> _head = new("--head") { Description = "the head of --site result", HelpName = "H" };
    readonly Option<bool> _relative = new("--relative") { Description = "tau in units of the stream's norm" };
    readonly Option<int> _top = GlobalOptions.Number("--top", 0,
        "most probable tokens to keep of each cell; the published files have 30");

    /// <summary>Adds them to a verb.</summary>
    /// <param name="command">The verb.</param>
    /// <param name="cells">Whether it shows cells one by one, with their tokens.</param>
    internal void AddTo(Command command, bool cells = true)
    {
        foreach (Option option in (Option[])
            [_layers, _taus, _encoders, _positions, _site, _head, _relative])
            command.Options.Add(option);
        if (cells)
            command.Options.Add(_top);
    }

    /// <summary>The grid, checked against a model.</summary>
    /// <exception cref="UserException">It does not fit.</exception>
    internal SweepGrid Read(ParseResult parsed, ModelConfig config)
    {
        var grid = new SweepGrid
        {
            Layers = parsed.GetValue(_layers) == "all" ? [.. Enumerable.Range(0, config.Layers)]
                : [.. Ranges("--layers", parsed.GetValue(_layers)!).Select(l => (int)l)],
            Taus = [.. Numbers("--taus", parsed.GetValue(_taus)!)],
            Encoders = [.. parsed.GetValue(_encoders)!.Split(',').Select(InjectCommand.Encoder)],
            Positions = [.. parsed.GetValue(_positions)!.Split(',').Select(Positions)],
            Target = InjectCommand.Target(parsed.GetValue(_site)!),
            Head = parsed.GetValue(_head),
            RelativeToStream = parsed.GetValue(_relative),
            Top = parsed.GetResult(_top) is null ? 0 : parsed.GetValue(_top),
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
        options["positions"] = List(grid.Positions.Select(SweptCell.Word));
        options["site"] = SiteNames.Of(grid.Target);
        options["head"] = grid.Head;
        options["relative"] = grid.RelativeToStream;
        options["top"] = grid.Top;
    }

    static JsonArray List<T>(IEnumerable<T> values) => new([.. values.Select(v => JsonValue.Create(v))]);

    static Option<string> Words(string name, string absent, string description) => new(name)
    {
        Description = description, DefaultValueFactory = _ => absent,
    };

    static MemoryPositions Positions(string word) => word switch
    {
        "all" => MemoryPositions.All,
        "last" => MemoryPositions.Last,
        "entity" => MemoryPositions.Entity,
        _ => throw new UserException($"--position is {Quoted.Name(word)}; expected all, last or entity"),
    };

    // Layers: whole numbers and spans of them.
    static IEnumerable<float> Ranges(string option, string text)
        => text.Split(',').SelectMany(part => Span(part) ?? throw new UserException(
            $"{option} is {Quoted.Name(text)}; expected numbers from 0 and spans like 0-3, with commas "
            + "between"));

    /// <summary>Magnitudes: spans of whole numbers, and any number.</summary>
    internal static IEnumerable<float> Numbers(string option, string text)
        => text.Split(',').SelectMany(part => Span(part)
            ?? (float.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
                && float.IsFinite(value) ? [value] : throw new UserException(
                    $"{option} is {Quoted.Name(text)}; expected numbers and spans like 1-15, with commas "
                    + "between")));

    static float[]? Span(string part)
    {
        string[] ends = part.Split('-');
        if (ends.Length > 2 || !TryWhole(ends[0], out int first) || !TryWhole(ends[^1], out int last)
            || last < first || last > 9999)
            return null;
        return [.. Enumerable.Range(first, last - first + 1).Select(n => (float)n)];
    }

    static bool TryWhole(string text, out int number)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
