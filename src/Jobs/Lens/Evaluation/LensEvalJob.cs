using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensEvalJob"/>.</summary>
public sealed record LensEvalOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Folder of a lens, or logit for the model's own unembedding.</summary>
    public required string Lens { get; init; }

    /// <summary>
    /// The model that the lens was made for: model for the one that is read, parent for the one that it was
    /// made from, which its manifest proves.
    /// </summary>
    public string LensOf { get; init; } = LensOwner.Self;

    /// <summary>
    /// File of texts: .jsonl has one text per line, other files have documents separated by
    /// &lt;|endoftext|&gt;. Rows end at the model's context. Null with <see cref="Batch"/>.
    /// </summary>
    public string? TextFile { get; init; }

    /// <summary>JSON file with a list of rows of token ids; null with <see cref="TextFile"/>.</summary>
    public string? Batch { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Layers from 0, separated by commas, or all that the lens has.</summary>
    public string Layers { get; init; } = "all";

    /// <summary>Positions of a row: last, all, or a number of them drawn at random.</summary>
    public string Positions { get; init; } = "last";

    /// <summary>k of an additional top-k agreement; at least 1.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Number of prompts, from the first, whose responsible head is removed; 0 for none.</summary>
    public int Ablation { get; init; }

    /// <summary>
    /// Number of prompts, from the first, of which every head is removed alone, to compare its effect with
    /// what lenses say; 0 for none.
    /// </summary>
    public int Agreement { get; init; }

    /// <summary>
    /// Replacement of a removed head's results: zero, or mean for their mean over the prompt.
    /// </summary>
    public string AblationTo { get; init; } = "zero";

    /// <summary>
    /// Folder of a Jacobian lens of the same model, which is measured on the same positions; null for none.
    /// </summary>
    public string? Jacobian { get; init; }

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    internal bool ToMean() => IsToMean(AblationTo);

    /// <summary>Whether the word of <see cref="AblationTo"/> is mean.</summary>
    /// <exception cref="UserException">It is neither zero nor mean.</exception>
    internal static bool IsToMean(string word) => word switch
    {
        "zero" => false,
        "mean" => true,
        _ => throw new UserException($"{Field.Of(nameof(AblationTo))} is {Quoted.Name(word)}; expected "
            + "zero or mean"),
    };

    internal int[] LayersOf(LensSource source)
    {
        if (Layers == "all")
            return [.. source.Layers];
        return [.. Layers.Split(',').Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            && source.Layers.Contains(layer) ? layer
                : throw new UserException($"{Field.Of(nameof(Layers))} is {Quoted.Name(Layers)}; expected "
                + $"all, or some of {string.Join(", ", source.Layers)}, which the lens has, with commas "
                    + "between"))
            .Distinct().Order()];
    }

    // Finds the Jacobian lens that is measured beside the lens.
    internal LensSource? Beside(ModelConfig config, int[] layers)
    {
        if (Jacobian is not { } folder)
            return null;
        LensSource source = LensOwner.Find(folder, LensOf, Model, config, ModelFolder.Hash(Model));
        if (source.Options.Kind != LensKind.Jacobian)
            throw new UserException($"{Quoted.Path(folder)}: its kind is "
                + $"{LensText.Word(source.Options.Kind)}; expected a Jacobian lens");
        return layers.Except(source.Layers).ToArray() is not [int missing, ..] ? source
            : throw new UserException($"{Quoted.Path(folder)}: the lens has no layer {missing}; it has "
                + string.Join(", ", source.Layers));
    }

    // Checks the rows before the model is loaded.
    internal IReadOnlyList<int[]> Rows(ModelText text)
    {
        if (TextFile is null == Batch is null)
            throw new UserException(
                $"{(TextFile is null ? "no texts" : "two kinds of texts")}; expected "
                    + $"{Field.Of(nameof(TextFile))} or {Field.Of(nameof(Batch))}");
        Rules.RequireObeyed(TextFile, nameof(TextFile));
        ModelConfig config = text.Config;
        IReadOnlyList<int[]> rows = Batch is not null ? text.Batch(Batch)
            : [.. text.Documents(TextFile!).Select(document => text.Required().Encode(document))
                .Where(ids => ids.Length > 0)];
        text.RemarkWithout(rows.Where(row => row.Length > 0));
        rows = [.. rows.Select(row => row.Length > 0 ? text.Row(row) : [])];
        if (Batch is null) // a document longer than the context becomes several rows without overlap
            rows = [.. rows.SelectMany(row => row.Chunk(config.ContextLength))];
        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i].Length > config.ContextLength)
                throw new UserException($"row {i} has {rows[i].Length} tokens; the model's context ends at "
                    + $"{config.ContextLength}");
            if (rows[i].Any(id => id < 0 || id >= config.VocabSize))
                throw new UserException($"row {i} has token id "
                    + $"{rows[i].First(id => id < 0 || id >= config.VocabSize)}; the model's vocabulary is 0 "
                    + $"to {config.VocabSize - 1}");
        }
        return rows;
    }
}

/// <summary>Measures how close a lens comes to the model, in comparison with the logit lens.</summary>
public static class LensEvalJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option or a text does not fit the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensEvalResult Run(LensEvalOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        if (options.Top < 1 || options.Top > config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top}; expected 1 to "
                + $"{config.VocabSize}");
        if (options.Ablation < 0)
            throw new UserException($"{Field.Of(nameof(options.Ablation))} is {options.Ablation}; expected "
                + "how many prompts, or 0");
        if (options.Agreement < 0)
            throw new UserException($"{Field.Of(nameof(options.Agreement))} is {options.Agreement}; expected "
                + "how many prompts, or 0");
        if (options.ToMean() && options.Ablation == 0 && options.Agreement == 0)
            throw new UserException($"{Field.Of(nameof(options.AblationTo))} says nothing without "
                + $"{Field.Of(nameof(options.Ablation))} or {Field.Of(nameof(options.Agreement))}; leave it "
                + "out");
        var measured = new LensEvaluationOptions
        {
            Positions = PositionChoice.Parse(options.Positions), Seed = context.Seed, Top = options.Top,
        };
        var ablation = new AblationOptions
        {
            Prompts = options.Ablation, Seed = context.Seed, ToMean = options.ToMean(),
        };
        AblationOptions agreement = ablation with { Prompts = options.Agreement };
        LensSource source = LensOwner.Find(options.Lens, options.LensOf, options.Model, config,
            ModelFolder.Hash(options.Model));
        int[] layers = options.LayersOf(source);
        LensSource? beside = options.Beside(config, layers);
        if (ablation.Prompts > 0 || agreement.Prompts > 0)
            AblationCheck.RequireUsable(source, layers, config.Heads);
        ModelText text = ModelText.Open(options.Model, config, options.Rules, context);
        IReadOnlyList<int[]> rows = options.Rows(text);
        int usable = LensEvaluation.Usable(rows).Length;
        IReadOnlyList<Edit> edits = JobEdits.Read(options.Edit, options.Model, config, text.Tokenizer,
            context, [.. rows.Select(r => r.Length)]);
        LensText.RemarkOnRemovals(source, context, ", so its KL from the model says little");
        int[]? unigram = source.IsBaseline ? null : LensFolder.Unigram(options.Lens);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        using IDisposable attached = JobEdits.Attach(loaded.Model, edits, text.Tokenizer, text.Bos, context);
        LensEvaluationResult found = LensEvaluation.Run(loaded.Model, source, layers, rows, unigram, measured,
            share => context.Report("evaluating", share));
        AblationResult? removed = ablation.Prompts > 0
            ? AblationCheck.Run(loaded.Model, source, layers, rows, ablation) : null;
        LensEvalResult result =
            LensEvalResult.Of(source, options.Lens, measured, found, ablation, removed) with
        {
            Bos = text.Bos,
            Agreement = agreement.Prompts > 0 ? LensAgreement.Of(AgreementCheck.Run(loaded.Model,
                [.. Compared(source, beside, config, options)], layers, rows, agreement,
                share => context.Report("removing every head", share)), agreement, usable) : null,
        };
        if (beside is null)
            return result;
        return result.Beside(
            LensEvaluation.Run(loaded.Model, beside, layers, rows, null, measured,
                share => context.Report("evaluating the Jacobian lens", share)),
            ablation.Prompts > 0 && beside.ReadsHeads
                ? AblationCheck.Run(loaded.Model, beside, layers, rows, ablation) : null);
    }

    // The lens, the Jacobian lens beside it and the logit lens, as far as they read heads.
    static IEnumerable<(string By, LensSource Source)> Compared(
        LensSource source, LensSource? beside, ModelConfig config, LensEvalOptions options)
    {
        yield return ("lens", source);
        if (beside is { ReadsHeads: true })
            yield return ("Jacobian lens", beside);
        if (!source.IsBaseline)
            yield return ("logit lens",
                LensSource.Find(LensSource.Logit, config, ModelFolder.Hash(options.Model)));
    }
}
