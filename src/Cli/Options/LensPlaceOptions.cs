using System.CommandLine;
using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>What verbs that read a lens take: the lens, and the layers, heads and tokens of it.</summary>
/// <param name="top">Tokens of a head where the user names no number.</param>
/// <param name="every">The word for every head.</param>
sealed class LensPlaceOptions(int top, string every = "all")
{
    readonly Option<string> _lens = new("--lens")
    {
        Description = "a folder that lens train wrote, or logit for the model's own unembedding",
        HelpName = "DIR|logit", Required = true,
    };
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

    /// <summary>Adds them to a verb.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_lens, _layer, _head, _top])
            command.Options.Add(option);
    }

    /// <summary>Whether the user named no heads.</summary>
    internal bool IsEveryHead(ParseResult parsed) => parsed.GetValue(_head) == every;

    /// <summary>Reads what the lens is and checks the rest against it; no weights are touched.</summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    internal LensPlaces Read(ParseResult parsed, string folder, ModelConfig config)
    {
        string hash = ModelFolder.Hash(folder);
        string layer = parsed.GetValue(_layer)!, head = parsed.GetValue(_head)!;
        LensSource source = LensSource.Find(parsed.GetValue(_lens)!, config, hash);
        int top = parsed.GetValue(_top);
        if (top < 1 || top > config.VocabSize)
            throw new UserException($"--top is {top}; expected 1 to {config.VocabSize}");
        if (!source.ReadsHeads && head != every)
            throw new UserException("a tuned lens reads the residual stream, not heads; leave --head out");
        int[] layers = layer == "all" ? [.. source.Layers] : Numbers("--layer", layer, config.Layers, "all");
        if (layers.Except(source.Layers).ToArray() is [int missing, ..])
            throw new UserException($"--layer is {Quoted.Name(layer)}: the lens has no layer {missing}; it "
                + "has " + string.Join(", ", source.Layers));
        int[] heads = !source.ReadsHeads ? [] : head == every ? [.. Enumerable.Range(0, config.Heads)]
            : Numbers("--head", head, config.Heads, every);
        return new(parsed.GetValue(_lens)!, source, hash, new LensRequest(layers, heads, top));
    }

    static int[] Numbers(string option, string text, int end, string every)
        => [.. text.Split(',').Select(word => int.TryParse(
            word, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n < end ? n
            : throw new UserException($"{option} is {Quoted.Name(text)}; expected {every}, or numbers from "
                + $"0 to {end - 1} with commas between")).Distinct().Order()];
}

/// <summary>A lens and what is to be read of it.</summary>
/// <param name="Name">As the user named it.</param>
/// <param name="Source">The lens.</param>
/// <param name="ModelHash">Of the model that it reads.</param>
/// <param name="Request">What of it.</param>
sealed record LensPlaces(string Name, LensSource Source, string ModelHash, LensRequest Request)
{
    /// <summary>The lens in a line.</summary>
    internal string Text => Source.Facts is { } facts
        ? $"{LensText.Kind(facts.Lens)}, {Name}" : "the model's own unembedding (logit lens)";
}
