using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>The options of a sweep's grid: layers, magnitudes, encoders, positions.</summary>
sealed class GridOptions
{
    readonly Option<string> _layers = Words("--layers", "all", "all, or layers from 0: 0-3,6");
    readonly Option<string> _taus = Words("--taus", "1-15", "magnitudes: 1-15, or 0.5,1,2 (1-15 is whole "
        + "numbers)");
    readonly Option<string> _encoders = Words("--encoder", "unembed", "unembed, embed, layer, jacobian; "
        + "several with commas");
    readonly Option<string?> _lens = JacobianLensOption.Create();
    readonly Option<string> _positions = Words("--position", "all", "all, last, entity; several with commas");
    readonly Option<string> _site = Words("--site", "attn_out",
        "attn_out, result, mlp_out, resid_pre, resid_mid or resid_post");
    readonly Option<int?> _head = new("--head") { Description = "the head of --site result", HelpName = "H" };
    readonly Option<bool> _relative = new("--relative") { Description = "tau in units of the stream's norm" };
    readonly Option<int> _top = GlobalOptions.Number("--top", 0,
        "most probable tokens to keep of each cell; the published files have 30");

    /// <summary>Adds the options to a verb.</summary>
    /// <param name="command">Verb that gets the options.</param>
    /// <param name="cells">Whether the verb shows single cells with their tokens.</param>
    internal void AddTo(Command command, bool cells = true)
    {
        foreach (Option option in (Option[])
            [_layers, _taus, _encoders, _lens, _positions, _site, _head, _relative])
            command.Options.Add(option);
        if (cells)
            command.Options.Add(_top);
    }

    /// <summary>Returns the grid of a parsed command line.</summary>
    internal GridRequest Read(ParseResult parsed) => new()
    {
        Layers = parsed.GetValue(_layers)!,
        Taus = parsed.GetValue(_taus)!,
        Encoder = parsed.GetValue(_encoders)!,
        Lens = parsed.GetValue(_lens),
        Position = parsed.GetValue(_positions)!,
        Site = parsed.GetValue(_site)!,
        Head = parsed.GetValue(_head),
        Relative = parsed.GetValue(_relative),
        Top = parsed.GetResult(_top) is null ? 0 : parsed.GetValue(_top),
    };

    static Option<string> Words(string name, string absent, string description) => new(name)
    {
        Description = description, DefaultValueFactory = _ => absent,
    };
}
