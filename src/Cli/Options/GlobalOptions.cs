using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>The options that all verbs share.</summary>
sealed class GlobalOptions(
    Terminal terminal, CancellationToken cancel, Interrupt? interrupt = null)
{
    readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, simulator, opencl[:N], cuda[:N] or ptx[:ARCHITECTURE]; headtap devices "
            + "lists them",
        HelpName = "NAME", DefaultValueFactory = _ => "auto", Recursive = true,
    };

    readonly Option<string> _precision = new("--precision")
    {
        Description =
            "of matrix products: fp32, or tf32 or bf16 on CUDA devices from compute capability 8.0 on",
        HelpName = "NAME", DefaultValueFactory = _ => "fp32", Recursive = true,
    };

    readonly Option<ulong> _seed = Number("--seed", 0UL, "of everything that is drawn", recursive: true);
    readonly Option<int> _threads =
        Number("--threads", 0, "host threads; 0 takes all cores", recursive: true);

    readonly Option<bool> _json = new("--json")
    {
        Description = "results as JSON on standard output", Recursive = true,
    };

    readonly Option<bool> _quiet = new("--quiet")
    {
        Description = "no progress and no remarks", Recursive = true,
    };

    /// <summary>Adds the options to the root command, so that every verb has them.</summary>
    public void AddTo(RootCommand root)
    {
        foreach (Option option in (Option[])[_device, _precision, _seed, _threads, _json, _quiet])
            root.Options.Add(option);
    }

    /// <summary>Returns the invocation that a parsed command line describes.</summary>
    public Invocation Of(ParseResult parsed)
    {
        var run = new Invocation(terminal, parsed.GetValue(_device)!,
            Precisions.Parse(parsed.GetValue(_precision)!),
            parsed.GetResult(_seed) is { Implicit: false } ? parsed.GetValue(_seed) : null,
            parsed.GetValue(_threads), parsed.GetValue(_json), parsed.GetValue(_quiet), cancel, interrupt);
        if (parsed.Tokens.Any(t => ArgumentBytes.HasReplacement(t.Value)))
            run.Remark("an argument has the character U+FFFD, which stands in place of bytes that are not "
                + "UTF-8");
        return run;
    }

    /// <summary>Returns the value of an option that the user gave; null if the user left it out.</summary>
    public static T? Given<T>(ParseResult parsed, Option<T> option) where T : struct
        => parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option) : null;

    /// <summary>Makes an option that takes a number and reports other text as an error of one line.</summary>
    public static Option<T> Number<T>(string name, T absent, string description, bool recursive = false)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = "N",
            Recursive = recursive,
            DefaultValueFactory = _ => absent,
            CustomParser = result => Parse<T>(name, result) ?? absent,
        };

    /// <summary>As <see cref="Number"/>, without a default: null if the user left it out.</summary>
    public static Option<T?> OptionalNumber<T>(string name, string description)
        where T : struct, INumber<T> => new(name)
        {
            Description = description, HelpName = "N", CustomParser = result => Parse<T>(name, result),
        };

    static T? Parse<T>(string name, ArgumentResult result) where T : struct, INumber<T>
    {
        string text = result.Tokens[0].Value;
        // 1 / 2 is a whole number only for integer types
        bool whole = T.IsInteger(T.One / (T.One + T.One));
        NumberStyles style = whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float;
        if (T.TryParse(text, style, CultureInfo.InvariantCulture, out T value) && T.IsFinite(value))
            return value;
        result.AddError($"{name} is \"{text}\"; expected a {(whole ? "whole " : "")}number"
            + (T.IsNegative(T.Zero - T.One) ? "" : " from 0"));
        return null;
    }
}
