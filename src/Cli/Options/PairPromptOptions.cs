using System.CommandLine;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// A pair of prompts on the command line: <c>--explicit</c>, <c>--obscure</c>, <c>--bridge</c>,
/// <c>--answer</c>, <c>--bos</c>.
/// </summary>
sealed class PairPromptOptions
{
    readonly Option<string?> _explicit, _obscure, _bridge;
    readonly Option<string?> _answer = new("--answer")
    {
        Description = "the right continuation; the first token of a space and it is followed", HelpName = "S",
    };
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before both prompts; nothing else does",
    };

    internal PairPromptOptions(bool required)
    {
        _explicit = Text("--explicit", "the single-hop prompt, which names the entity", required);
        _obscure = Text("--obscure", "the multi-hop prompt, which goes round it", required);
        _bridge = Text("--bridge", "the entity that the multi-hop prompt leaves out", required);
    }

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_explicit, _obscure, _bridge, _answer, _bos])
            command.Options.Add(option);
    }

    internal bool Bos(ParseResult parsed) => parsed.GetValue(_bos);

    internal bool HasAnswer(ParseResult parsed) => parsed.GetValue(_answer) is not null;

    internal bool HasBridge(ParseResult parsed) => parsed.GetValue(_bridge) is not null;

    /// <summary>The begin-of-text token that <c>--bos</c> asks for; null for none.</summary>
    internal int? BosToken(ParseResult parsed, ModelConfig config, string folder)
        => PromptRequest.BosOf(Bos(parsed), config, folder);

    /// <summary>
    /// The pair, with a space and the bridge as its memory; null where neither prompt is given. An answer or
    /// a bridge that is not given is replaced by the other.
    /// </summary>
    /// <exception cref="UserException">Half of a pair is given, or it does not fit the model.</exception>
    internal EncodedPair? Read(ParseResult parsed, ByteBpeTokenizer tokenizer, ModelConfig config, string folder)
    {
        (string? single, string? multi) = (parsed.GetValue(_explicit), parsed.GetValue(_obscure));
        if (single is null && multi is null)
            return null;
        if (single is null || multi is null)
            throw new UserException((single is null ? "--obscure without --explicit"
                : "--explicit without --obscure") + "; expected both prompts");
        string? bridge = Trimmed(parsed, _bridge), answer = Trimmed(parsed, _answer);
        if ((answer ?? bridge) is not { } either)
            throw new UserException("neither --bridge nor --answer; expected at least one");
        var pair = new PromptPair(single, multi, bridge ?? either, answer ?? either)
        {
            Memory = " " + (bridge ?? either),
        };
        return EncodedPair.Of(pair, tokenizer, config, BosToken(parsed, config, folder), "the pair");
    }

    static string? Trimmed(ParseResult parsed, Option<string?> option)
    {
        string? text = parsed.GetValue(option)?.Trim();
        return text is not { Length: 0 } ? text
            : throw new UserException($"{option.Name} is empty; expected a word, or leave it out");
    }

    static Option<string?> Text(string name, string description, bool required)
        => new(name) { Description = description, HelpName = "S", Required = required };
}
