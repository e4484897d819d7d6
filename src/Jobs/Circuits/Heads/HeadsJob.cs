using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="HeadsJob"/>.</summary>
public sealed record HeadsOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>The windows that heads are looked at in.</summary>
    public HeadsTextRequest Text { get; init; } = new();

    /// <summary>Number of windows on which each head is ablated, drawn from all; 0 ablates none.</summary>
    public int AblationWindows { get; init; } = 16;

    /// <summary>Examples of each head: windows in which it writes most.</summary>
    public int Examples { get; init; } = 5;

    /// <summary>Folder of a second model that looks at the same windows; null for none.</summary>
    public string? Other { get; init; }

    /// <summary>Folder of a lens, or logit, that reads the examples as words; null for no words.</summary>
    public string? Lens { get; init; }

    /// <summary>The model that the lens was made for: model, or parent.</summary>
    public string LensOf { get; init; } = LensOwner.Self;

    /// <summary>Number of words of each head.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Whether composition scores are of the weights as they are, LayerNorm not folded in.</summary>
    public bool RawWeights { get; init; }

    /// <summary>.npy file of all composition scores, [3, L H, L H]; null for none.</summary>
    public string? Composition { get; init; }

    /// <summary>File of a page with a card for each head; null for none.</summary>
    public string? Out { get; init; }

    /// <summary>CSV file with a row for each head; null for none.</summary>
    public string? Csv { get; init; }

    /// <summary>New folder for HeadVis' files; null for none.</summary>
    public string? Headvis { get; init; }

    internal void RequireNumbers(ModelConfig config)
    {
        Least(nameof(AblationWindows), AblationWindows, 0);
        Least(nameof(Examples), Examples, Lens is null ? 0 : 1);
        if (Top < 1 || Top > config.VocabSize)
            throw new UserException($"{Field.Of(nameof(Top))} is {Top}; expected 1 to {config.VocabSize}");
        if (Lens is null && LensOf != LensOwner.Self)
            throw new UserException($"{Field.Of(nameof(LensOf))} says nothing without "
                + $"{Field.Of(nameof(Lens))}; leave it out");
    }

    internal void RequirePlaces()
    {
        OutputFile.RequireEnding(Composition, nameof(Composition), ".npy");
        RequireOutside();
        foreach (string file in new[] { Composition, Out, Csv }.OfType<string>())
            OutputFile.Require(file);
    }

    void RequireOutside()
    {
        if (Headvis is not { } folder)
            return;
        AtomicFolder.RequireNew(folder);
        string place = RealPath.Of(folder) + Path.DirectorySeparatorChar;
        foreach ((string option, string? file) in ((string, string?)[])
            [(nameof(Composition), Composition), (nameof(Out), Out), (nameof(Csv), Csv)])
            if (file is not null && RealPath.Of(file).StartsWith(place, StringComparison.Ordinal))
                throw new UserException($"{Field.Of(option)} is {Quoted.Path(file)}, inside the folder of "
                    + $"{Field.Of(nameof(Headvis))}, which holds what its viewer reads alone; expected "
                    + "another place");
    }

    static void Least(string option, int value, int least)
    {
        if (value < least)
            throw new UserException($"{Field.Of(option)} is {value}; expected at least {least}");
    }
}

/// <summary>
/// Looks at every head of a model: where it looks, what it does to the loss, what it writes in words, which
/// heads it reads.
/// </summary>
public static class HeadsJob
{
    const ulong WindowStream = 0x77696E646F77; // apart from other draws

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static HeadsResult Run(HeadsOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        options.RequireNumbers(config);
        LensSource? lens = FindLens(options, options.LensOf, options.Model, config);
        LensSource? othersLens = null;
        if (options.Other is { } other)
        {
            ModelConfig otherConfig = OtherModel.Require(options.Model, config, other);
            othersLens = FindLens(options, options.Lens is null ? LensOwner.Self
                : OtherModel.LensOf(options.Lens, other), other, otherConfig);
        }
        HeadsText text = options.Text.Read(options.Model, config, context);
        options.RequirePlaces();
        using ComputeDevice device = context.OpenDevice();
        HeadsFindings? second = null;
        if (options.Other is not null)
            using (LoadedModel loadedOther = LoadedModel.Open(context, device, options.Other))
                second = Look(options, options.Other, othersLens, text, loadedOther.Model, context);
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        HeadsFindings found = Look(options, options.Model, lens, text, loaded.Model, context) with
        {
            OtherHash = second?.ModelHash,
        };
        if (found.Survey.RepeatedTokens == 0)
            context.Say("no token comes twice in a window, so induction and duplicate scores are left out");
        HeadsResult result = found.Result();
        if (second is not null)
            result = HeadChanges.Beside(result, second.Result()) with
            {
                Models = (OtherModel.NameOf(options.Model), OtherModel.NameOf(options.Other!)),
            };
        Write(found, result, loaded.Model, context);
        return result;
    }

    static HeadsFindings Look(HeadsOptions options, string folder, LensSource? lens, HeadsText text,
        LanguageModel model, JobContext context)
    {
        var found = new HeadsFindings(options, text, ModelFolder.Hash(folder),
            Survey(model, text, options, context),
            CompositionScores.Of(model, !options.RawWeights, share => context.Report("composing", share)))
        {
            Lens = lens is null ? null : LensText.Line(lens, options.Lens!),
        };
        if (options.AblationWindows > 0)
            found = found with { Effects = Ablate(model, found, context) };
        return lens is null ? found : found with
        {
            Words = HeadWords.Read(model, lens, found.Survey, options.Top, context),
        };
    }

    static LensSource? FindLens(HeadsOptions options, string lensOf, string folder, ModelConfig config)
    {
        if (options.Lens is null)
            return null;
        LensSource source = LensOwner.Find(options.Lens, lensOf, folder, config, ModelFolder.Hash(folder));
        return source.ReadsHeads ? source : throw new UserException(
            $"{Quoted.Path(options.Lens)}: a {LensText.Word(source.Options.Kind)} lens"
            + (source.Options.Kind == LensKind.Jacobian ? " at resid_post" : "")
            + " reads the residual stream, not heads; expected a lens of heads, or logit");
    }

    static HeadSurvey Survey(LanguageModel model, HeadsText text, HeadsOptions options, JobContext context)
        => HeadSurvey.Run(model, text.Windows, new HeadSurveyOptions
        {
            Pass = new(text.MaxTokens), Examples = options.Examples,
        }, (done, rounds) => context.Report("looking", (double)done / ((long)text.Count * rounds)));

    static IReadOnlyList<HeadEffect> Ablate(LanguageModel model, HeadsFindings found, JobContext context)
    {
        HashSet<int> chosen = Chosen(found.Text.Count, found.Options.AblationWindows, context.Seed);
        int[][] windows = [.. found.Text.Windows.Where((_, i) => chosen.Contains(i))];
        using var ablation = new HeadAblation(
            model, found.Survey.MeanZ, windows.Max(w => w.Length));
        return ablation.Run(windows, context.Seed, share => context.Report("ablating", share));
    }

    // Different ones, each set as likely (Floyd's sampling), whatever their number.
    static HashSet<int> Chosen(int windows, int count, ulong seed)
    {
        var random = new SeededRandom(seed, WindowStream);
        var chosen = new HashSet<int>();
        for (int last = windows - Math.Min(count, windows); last < windows; last++)
            if (!chosen.Add(random.Next(last + 1)))
                chosen.Add(last);
        return chosen;
    }

    static void Write(HeadsFindings found, HeadsResult result, LanguageModel model, JobContext context)
    {
        HeadsOptions options = found.Options;
        Manifest made = found.Made(model.Device, context.Seed);
        if (options.Headvis is { } folder)
            HeadVisFolder.Write(folder, found, model, made, context);
        if (options.Composition is { } scores)
        {
            int heads = model.Config.Layers * model.Config.Heads;
            NpyFile.Write(scores, [3, heads, heads], found.Composition.Values);
            made.WriteBeside(scores);
        }
        if (options.Csv is { } table)
        {
            AtomicFile.WriteText(table, HeadColumns.Csv(result));
            made.WriteBeside(table);
        }
        if (options.Out is { } page)
        {
            HeadsReport.Make(found, result, model.Device).Save(page);
            made.WriteBeside(page);
        }
    }
}

/// <summary>What a run of <see cref="HeadsJob"/> found.</summary>
sealed record HeadsFindings(
    HeadsOptions Options, HeadsText Text, string ModelHash, HeadSurvey Survey, CompositionScores Composition)
{
    const int ReadsOfHead = 3;

    /// <summary>The lens in one line; null for none.</summary>
    internal string? Lens { get; init; }

    /// <summary>Hash of the second model; null for none.</summary>
    internal string? OtherHash { get; init; }

    /// <summary>[L H]: effects of ablation; null where none was asked for.</summary>
    internal IReadOnlyList<HeadEffect>? Effects { get; init; }

    /// <summary>[L H][examples]: words of each example; null without a lens.</summary>
    internal IReadOnlyList<IReadOnlyList<LensWords>?>? Words { get; init; }

    /// <summary>Makes the manifest.</summary>
    internal Manifest Made(ComputeDevice device, ulong seed)
    {
        HeadsTextRequest text = Options.Text;
        var options = new JsonObject
        {
            ["text_file"] = text.Text.TextFile, ["batch"] = text.Text.Batch,
            ["random_tokens"] = text.RandomTokens, ["sequences"] = text.Sequences,
            ["context"] = text.Context, ["bos"] = Text.Bos, ["fields"] = text.Text.Rules.Fields,
            ["lines"] = text.Text.Rules.Lines, ["special"] = text.Text.Rules.Special,
            ["ablation_windows"] = Options.AblationWindows, ["examples"] = Options.Examples,
            ["lens"] = Options.Lens, ["lens_of"] = Options.LensOf, ["top"] = Options.Top,
            ["raw_weights"] = Options.RawWeights,
        };
        if (OtherHash is not null)
            options["other"] = OtherHash;
        return OutputFile.ManifestOf("heads", options, Options.Model, device) with
        {
            Seed = seed, DataHash = Text.Hash,
        };
    }

    /// <summary>Makes the result.</summary>
    internal HeadsResult Result()
    {
        var text = new LensText(Text.Tokenizer);
        ILookup<(int, int), Composition> reads = Enum.GetValues<CompositionKind>()
            .SelectMany(kind => Composition.Top(kind, int.MaxValue))
            .ToLookup(c => (c.ToLayer, c.ToHead));
        return new([.. Survey.Scores.Select((scores, i) => HeadResult.Of(scores, Effects?[i]) with
        {
            Words = Words?[i] is { } words ? HeadWords.Most(words, Options.Top, text) : null,
            Composition = [.. reads[(scores.Layer, scores.Head)].GroupBy(c => c.Kind)
                .SelectMany(kind => kind.Take(ReadsOfHead))
                .Select(c => new ComposedHead(
                    $"{c.Kind}".ToLowerInvariant(), c.FromLayer, c.FromHead, c.Score))],
            Examples = [.. Survey.Examples[i].Select((e, n) => HeadExampleResult.Of(e, text,
                Words?[i]?[n]))],
        })])
        {
            Windows = Survey.Windows, Tokens = Survey.Tokens, TextName = Text.Name, LensLine = Lens,
            AblationWindows = Effects is null ? 0 : Math.Min(Options.AblationWindows, Text.Count),
            Compositions = [.. Enum.GetValues<CompositionKind>().SelectMany(
                kind => Composition.Top(kind, HeadsResult.TopCompositions))],
        };
    }
}
