using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>How verbs ask for memorisation: <c>--prompt</c>, <c>--continuation</c>,
/// <c>--never-token</c>.</summary>
sealed class RecitalOptions
{
    const int Missing = -1;

    readonly Option<int> _prompt = GlobalOptions.Number("--prompt", Missing,
        "n: tokens of a sequence that the model is given");
    readonly Option<int> _continuation = GlobalOptions.Number("--continuation", Missing,
        "k: tokens after them that it must write");
    readonly Option<int> _never = GlobalOptions.Number("--never-token", Missing,
        "a token that is never written; the reference forbids its end-of-sequence token, 11");

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_prompt, _continuation, _never])
            command.Options.Add(option);
    }

    /// <exception cref="UserException">A number is missing or does not fit the model.</exception>
    internal MemorisationOptions Read(ParseResult parsed, ModelConfig config)
    {
        int prompt = parsed.GetValue(_prompt), continuation = parsed.GetValue(_continuation);
        if (prompt == Missing || continuation == Missing)
            throw new UserException($"no {(prompt == Missing ? "--prompt" : "--continuation")}; expected how "
                + "many tokens of a sequence " + (prompt == Missing ? "are given" : "the model must write"));
        bool given = parsed.GetResult(_never) is { Implicit: false };
        int never = parsed.GetValue(_never);
        if (given && (never < 0 || never >= config.VocabSize))
            throw new UserException($"--never-token is {never}; expected a token id from 0 to "
                + $"{config.VocabSize - 1}");
        var options = new MemorisationOptions(prompt, continuation, given ? never : null);
        options.Validate();
        if (prompt + (long)continuation > config.ContextLength)
            throw new UserException($"--prompt {prompt} and --continuation {continuation} are "
                + $"{prompt + (long)continuation} tokens; the model's context is {config.ContextLength}");
        return options;
    }

    /// <summary>A file of sequences, and the model's tokenizer for texts in it.</summary>
    /// <exception cref="UserException">The file is wrong, or one of its texts needs a tokenizer.</exception>
    internal static IReadOnlyList<PlantedSequence> Sequences(string file, string model, ModelConfig config)
        => SequenceFile.Read(file, config.VocabSize,
            ByteBpeTokenizer.ExistsIn(model) ? ByteBpeTokenizer.Load(model) : null);

    /// <summary>Adds the measures to a JSON object.</summary>
    internal static JsonObject Json(Memorisation found) => new()
    {
        ["asked"] = found.Recitals.Count,
        ["memorised"] = found.Strict,
        ["loose"] = found.Loose,
        ["similarity"] = found.MeanSimilarity,
        ["correct"] = found.Correct,
    };
}
