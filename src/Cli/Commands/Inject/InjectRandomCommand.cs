using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>inject random</c>: memories that have nothing to do with the question, beside the curated
/// ones.</summary>
sealed class InjectRandomCommand
{
    readonly PairOptions _pairs = new();
    readonly Option<string> _categories = new("--category")
    {
        Description = "random-tokens, other-bridges and, with --words, the categories of the file; several "
            + "with commas",
        DefaultValueFactory = _ => $"{MemoryCategory.RandomTokens},{MemoryCategory.OtherBridges}",
    };
    readonly Option<string?> _words = new("--words")
    {
        Description = "word lists: a .csv with the published columns, or a file with a word a line (words)",
        HelpName = "F",
    };
    readonly Option<int> _count = GlobalOptions.Number("--count", 40, "words of each category");
    readonly Option<string> _layer = new("--layer")
    {
        Description = "the layer of the curated memory, from 0; with --drawn several, or all",
        HelpName = "L", Required = true,
    };
    readonly Option<string> _tau = new("--tau")
    {
        Description = "the magnitude; with --drawn several, as 1-15", DefaultValueFactory = _ => "3",
        HelpName = "N",
    };
    readonly Option<bool> _drawn = new("--drawn")
    {
        Description = "draw a word for every pair, layer and magnitude in place of each word for every pair",
    };
    readonly Option<string> _placement = new("--placement")
    {
        Description = "corrected (random memories in the curated one's layer) or published (one layer later, "
            + "as in the published runs)",
        DefaultValueFactory = _ => "corrected",
    };
    readonly Option<bool> _sameNorm = new("--same-norm")
    {
        Description = "scale each random vector to the length of the pair's curated one",
    };
    readonly Option<string> _encoder = new("--encoder")
    {
        Description = "unembed, embed or layer", DefaultValueFactory = _ => "unembed",
    };
    readonly Option<string?> _out = new("--out")
    {
        Description = "a row for every word and pair, with a manifest beside it", HelpName = "F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new InjectRandomCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("random", "Random memories beside the curated ones");
        _pairs.AddTo(command);
        foreach (Option option in (Option[])[_categories, _words, _count, _layer, _tau, _drawn, _placement,
            _sameNorm, _encoder, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        PairData data = _pairs.Read(parsed);
        int[] layers = Layers(parsed, data.Config);
        float[] taus = [.. GridOptions.Numbers("--tau", parsed.GetValue(_tau)!)];
        bool drawn = parsed.GetValue(_drawn);
        if (!drawn && (layers.Length > 1 || taus.Length > 1))
            throw new UserException($"{layers.Length} layers and {taus.Length} magnitudes without --drawn; "
                + "expected one of each");
        RandomMemoryOptions options = Options(parsed, drawn, layers[0], taus[0]);
        options.Validate(data.Config);
        IReadOnlyList<MemoryCategory> categories = Categories(parsed, data, run.Seed);
        string? path = parsed.GetValue(_out);
        if (path is not null)
            OutputFile.Require(path);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = data.Open(run, device);
        var injections = new RowInjections(loaded.Model, data.Pairs);
        Manifest manifest = data.Manifest("inject random", Json(parsed, data), device) with
        {
            Seed = run.Seed,
        };
        if (drawn)
        {
            AnswerStanding[] before = injections.Before(p => p.Obscure);
            RandomResults.Show(run, injections, path, manifest, before,
                RunDrawn(run, injections, before, categories, layers, taus, options));
        }
        else
            RandomResults.Show(run, injections, path, manifest, options,
                RunCell(run, injections, categories, options));
        return ExitCode.Done;
    }

    static RandomMemories RunCell(Invocation run, RowInjections injections,
        IReadOnlyList<MemoryCategory> categories, RandomMemoryOptions options)
    {
        RandomMemories? found = null;
        run.WithProgress("injecting", report => found = RandomMemories.Run(injections, categories, options,
            share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            }));
        return found!;
    }

    static DrawnMemories[] RunDrawn(Invocation run, RowInjections injections,
        IReadOnlyList<AnswerStanding> before, IReadOnlyList<MemoryCategory> categories, int[] layers,
        float[] taus, RandomMemoryOptions options)
    {
        var found = new List<DrawnMemories>();
        MemoryCategory?[] all = [null, .. categories];
        run.WithProgress("injecting", report =>
        {
            foreach (MemoryCategory? category in all)
                found.Add(DrawnMemories.Run(injections, before, category, layers, taus, options, run.Seed,
                    share =>
                    {
                        run.Cancel.ThrowIfCancellationRequested();
                        report((found.Count + share) / all.Length, category?.Name ?? DrawnMemories.Curated);
                    }));
        });
        return [.. found];
    }

    RandomMemoryOptions Options(ParseResult parsed, bool drawn, int layer, float tau)
    {
        string placement = parsed.GetValue(_placement)!;
        if (drawn && placement == "published")
            throw new UserException("--placement published belongs to one cell; leave --drawn out");
        return new()
        {
            Layer = layer,
            Tau = tau,
            SameNorm = parsed.GetValue(_sameNorm),
            Encoder = InjectCommand.Encoder(parsed.GetValue(_encoder)!),
            Placement = placement switch
            {
                "corrected" => RandomPlacement.Corrected,
                "published" => RandomPlacement.Published,
                _ => throw new UserException(
                    $"--placement is {Quoted.Name(placement)}; expected corrected or published"),
            },
        };
    }

    int[] Layers(ParseResult parsed, ModelConfig config)
    {
        string text = parsed.GetValue(_layer)!;
        return text == "all" ? [.. Enumerable.Range(0, config.Layers)] : InjectCommand.Layers(text, config);
    }

    MemoryCategory[] Categories(ParseResult parsed, PairData data, ulong seed)
    {
        int count = parsed.GetValue(_count);
        if (count < 1)
            throw new UserException($"--count is {count}; expected 1 or more");
        string? words = parsed.GetValue(_words);
        string[] names = [.. parsed.GetValue(_categories)!.Split(',').Distinct()];
        if (words is not null
            && names.All(n => n is MemoryCategory.RandomTokens or MemoryCategory.OtherBridges))
            throw new UserException("--words is not used by these categories; name one of its own with "
                + "--category, or leave it out");
        MemoryCategory[] found = [.. names.Select(name => name switch
        {
            MemoryCategory.RandomTokens
                => MemoryCategory.DrawTokens(count, data.Tokenizer, data.Config, seed),
            MemoryCategory.OtherBridges => MemoryCategory.DrawBridges(count, data.Pairs, seed),
            _ when words is not null => MemoryCategory.First(name,
                WordList.Read(words, name == "words" ? null : name), count, data.Tokenizer, data.Config),
            _ => throw new UserException($"--category is {Quoted.Name(name)}; expected random-tokens, "
                + "other-bridges, or a category of --words F"),
        })];
        // A word that is every pair's own memory is compared with nothing.
        found = [.. found.Select(c => c with
        {
            Words = [.. c.Words.Where(w => data.Pairs.Any(p => !w.Tokens.AsSpan().SequenceEqual(p.Memory)))],
        })];
        if (found.FirstOrDefault(c => c.Words.Count == 0) is { } empty)
            throw new UserException($"--category {empty.Name} has no word but the pairs' own memory; "
                + "expected pairs with several memories, or another category");
        return found;
    }

    JsonObject Json(ParseResult parsed, PairData data)
    {
        JsonObject options = _pairs.Json(parsed);
        foreach (Option<string> option in (Option<string>[])[_categories, _layer, _tau, _placement, _encoder])
            options[option.Name.TrimStart('-')] = parsed.GetValue(option);
        options["words"] = parsed.GetValue(_words);
        options["words_hash"] = parsed.GetValue(_words) is { } file ? FileHash.Sha256(file) : null;
        options["count"] = parsed.GetValue(_count);
        options["drawn"] = parsed.GetValue(_drawn);
        options["same_norm"] = parsed.GetValue(_sameNorm);
        options["bos_token"] = data.Bos;
        return options;
    }
}
