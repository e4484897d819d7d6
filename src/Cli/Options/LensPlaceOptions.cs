using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of verbs that read a lens: the lens, its layers, heads and number of tokens.
/// </summary>
/// <param name="top">Default number of tokens per head.</param>
/// <param name="every">Word for all heads.</param>
sealed class LensPlaceOptions(int top, string every = "all")
{
    readonly Option<string> _lens = new PathOption<string>("--lens", PathUse.Reads)
    {
        Description = "a folder that lens train wrote, or logit for the model's own unembedding",
        HelpName = "DIR|logit", Required = true,
    };
    readonly Option<string> _lensOf = LensOfOption();
    readonly Option<string> _layer = new("--layer")
    {
        Description = "layers from 0 with commas between, or all that the lens has", HelpName = "L|all",
        DefaultValueFactory = _ => "all",
    };
    readonly Option<string> _head = new("--head")
    {
        Description = every == "all" ? "heads from 0 with commas between, or all"
            : "the head, from 0, or auto: of all in --layer the one that favours the next token most",
        HelpName = $"H|{every}", DefaultValueFactory = _ => every,
    };
    readonly Option<int> _top = GlobalOptions.Number("--top", top, "tokens of each head");

    internal static Option<string> LensOfOption() => new("--lens-of")
    {
        Description = "the model that the lens was made for: this one, or the parent that the folder's "
            + "manifest.json names, as unlearn run and unlearn apply write it",
        HelpName = "model|parent", DefaultValueFactory = _ => "model",
    };

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_lens, _lensOf, _layer, _head, _top])
            command.Options.Add(option);
    }

    /// <summary>Returns the lens, layers, heads and tokens of a parsed command line.</summary>
    internal LensPlaceRequest Read(ParseResult parsed) => new()
    {
        Lens = parsed.GetValue(_lens)!,
        LensOf = parsed.GetValue(_lensOf)!,
        Layer = parsed.GetValue(_layer)!,
        Head = parsed.GetValue(_head),
        EveryHead = every,
        Top = parsed.GetValue(_top),
    };
}
