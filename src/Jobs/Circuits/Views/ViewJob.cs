using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="ViewJob"/>.</summary>
public sealed record ViewOptions
{
    /// <summary>The model and one prompt, or two to see side by side.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>Folder of a second model that runs the same prompt; null for none.</summary>
    public string? Other { get; init; }

    /// <summary>Folders of lenses for words, beside the logit lens; may be empty.</summary>
    public IReadOnlyList<string> Lenses { get; init; } = [];

    /// <summary>
    /// The model that the lenses were made for: model for the one that is shown, parent for the one that it
    /// was made from.
    /// </summary>
    public string LensOf { get; init; } = LensOwner.Self;

    /// <summary>Token whose logit is split, as text; a space is put before it unless it begins with
    /// one.</summary>
    public string? Answer { get; init; }

    /// <summary>That token as an id.</summary>
    public int? AnswerId { get; init; }

    /// <summary>Token whose logit is subtracted, as text.</summary>
    public string? Wrong { get; init; }

    /// <summary>That token as an id.</summary>
    public int? WrongId { get; init; }

    /// <summary>Number of tokens that each lens shows; at least 1.</summary>
    public int Top { get; init; } = 3;

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>File of the HTML page.</summary>
    public required string Out { get; init; }

    /// <summary>
    /// Name that the files of figures begin with: F.svg stands for F.attention.svg, F.parts.svg and
    /// F.stream.svg; null for none.
    /// </summary>
    public string? Svg { get; init; }
}

/// <summary>What a part of the model adds to the logits of the chosen tokens at the last position.</summary>
/// <param name="Part">Name of the part: embed, pos, 3.1 (layer and head), attn bias 3, mlp 3, bias.</param>
/// <param name="Layer">Layer, from 0; null outside the blocks.</param>
/// <param name="Head">Head, from 0; null for what is no head.</param>
/// <param name="Values">[K]: nats, in the order of the chosen tokens.</param>
public sealed record ViewPart(string Part,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head,
    IReadOnlyList<double> Values);

/// <summary>A prompt as a model saw it.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Tokens">[T]: token ids.</param>
/// <param name="Texts">[T]: tokens as text.</param>
/// <param name="Next">Most probable next tokens behind the last position, with their probabilities.</param>
/// <param name="Parts">What each part adds to the chosen tokens' logits at the last position.</param>
public sealed record ViewRun(string ModelHash, IReadOnlyList<int> Tokens, IReadOnlyList<string> Texts,
    IReadOnlyList<ViewToken> Next, IReadOnlyList<ViewPart> Parts);

/// <summary>A token and its probability.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="P">Probability, 0 to 1.</param>
public sealed record ViewToken(int Id, string Text, double P);

/// <summary>The page and what it shows first.</summary>
/// <param name="Chosen">[K]: tokens whose logits are split.</param>
/// <param name="ChosenTexts">[K]: these as text.</param>
/// <param name="Runs">One run, or two side by side.</param>
/// <param name="Out">File of the page.</param>
/// <param name="Bytes">Length of the page.</param>
public sealed record ViewResult(IReadOnlyList<int> Chosen, IReadOnlyList<string> ChosenTexts,
    IReadOnlyList<ViewRun> Runs, string Out, long Bytes)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>Files of the figures; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Figures { get; init; }
}

/// <summary>Shows one prompt, or two side by side, or one in two models, as a page.</summary>
public static class ViewJob
{
    const int ChosenFromModel = 5; // most probable next tokens that can be chosen on the page

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the prompts or the model, or the page would be
    /// too large.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static ViewResult Run(ViewOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        RequireRuns(options, rows.Length);
        int[] chosen = Chosen(options, prompt);
        string[] folders = options.Other is { } other ? [prompt.Folder, other] : [prompt.Folder];
        ModelConfig[] configs = [prompt.Config,
            .. folders[1..].Select(folder => OtherModel.Require(prompt.Folder, prompt.Config, folder))];
        var lenses = folders.Zip(configs, (folder, config) => ViewLenses.Find(options, folder, config))
            .ToArray();
        ViewData.RequireSize(prompt.Config, rows, folders.Length, lenses[0].Count, options.Top);
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit, context, oneByOne: true);
        OutputFile.RequireEnding(options.Svg, nameof(options.Svg), ".svg");
        IReadOnlyList<string> figures = options.Svg is null ? []
            : ViewFigures.Files(options.Svg, folders.Length * rows.Length);
        foreach (string file in figures.Prepend(options.Out))
            OutputFile.Require(file);
        using ComputeDevice device = context.OpenDevice();
        var runs = new List<ShownRun>();
        foreach ((int m, string folder) in folders.Index())
        {
            using LoadedModel loaded = LoadedModel.Open(context, device, folder);
            using IDisposable attached = prompt.Attach(loaded.Model, edits, context);
            foreach (int[] row in rows)
            {
                context.Report("running", (double)runs.Count / (folders.Length * rows.Length));
                PromptView view = PromptView.Of(loaded.Model, row,
                    next => chosen = [.. chosen.Union(next[^1].Top.Take(
                        runs.Count == 0 ? ChosenFromModel : 0).Select(t => t.Token))],
                    Math.Max(3, ChosenFromModel));
                runs.Add(new ShownRun(Title(options, folder, runs.Count), lenses[m][0].ModelHash, view,
                    ViewLenses.Read(loaded.Model, lenses[m], row, context)));
            }
        }
        var shown = new ShownPrompts(prompt, chosen, runs, options.Top)
        {
            Wrong = options.Wrong is not null || options.WrongId is not null,
        };
        ViewReport.Make(shown, device).Save(options.Out);
        foreach ((string file, string figure) in figures.Zip(new ViewFigures(shown).All()))
            AtomicFile.WriteText(file, figure);
        Manifest made = Made(options, shown, folders, edits, device);
        foreach (string file in figures.Prepend(options.Out))
            made.WriteBeside(file);
        return Result(options.Out, shown) with { Figures = figures.Count == 0 ? null : figures };
    }

    static void RequireRuns(ViewOptions options, int prompts)
    {
        if (prompts > 2)
            throw new UserException($"{prompts} prompts; expected one, or two to see side by side");
        if (prompts == 2 && options.Other is not null)
            throw new UserException("two prompts and two models; expected one of each, two prompts for one "
                + "model, or two models for one prompt");
        if (options.Top < 1)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top}; expected 1 or more");
    }

    static int[] Chosen(ViewOptions options, Prompt prompt)
    {
        ModelText text = prompt.Texts;
        int? answer = ContrastRequest.Token(text, nameof(options.Answer), options.Answer,
            nameof(options.AnswerId), options.AnswerId);
        int? wrong = ContrastRequest.Token(text, nameof(options.Wrong), options.Wrong,
            nameof(options.WrongId), options.WrongId);
        if (wrong is not null && answer is null)
            throw new UserException($"{Field.Of(nameof(options.Wrong))} without "
                + $"{Field.Of(nameof(options.Answer))}; expected both, or the answer alone");
        if (answer is not null && answer == wrong)
            throw new UserException($"answer and wrong answer are both token {answer}; their difference is "
                + "always 0");
        int[] chosen = [.. ((int?[])[answer, wrong]).OfType<int>()];
        foreach (int token in chosen)
            if (token < 0 || token >= prompt.Config.VocabSize)
                throw new UserException(
                    $"token {token} is outside the vocabulary of {prompt.Config.VocabSize}");
        return chosen;
    }

    static string Title(ViewOptions options, string folder, int run)
        => options.Other is null ? $"prompt {run + 1}" : OtherModel.NameOf(folder);

    static Manifest Made(ViewOptions options, ShownPrompts shown, string[] folders,
        IReadOnlyList<Edit> edits, ComputeDevice device)
    {
        Manifest made = OutputFile.ManifestOf("view", new JsonObject
        {
            ["prompts"] = new JsonArray([.. shown.Runs.Select(run => (JsonNode)new JsonArray(
                [.. run.View.Tokens.Select(t => (JsonNode)t)]))]),
            ["bos"] = shown.Prompt.Bos,
            ["lenses"] = new JsonArray([.. options.Lenses.Select(l => (JsonNode)l)]),
            ["chosen"] = new JsonArray([.. shown.Chosen.Select(t => (JsonNode)t)]),
            ["top"] = options.Top,
        }, folders[0], device);
        if (folders.Length > 1)
            made.Options["other"] = ModelFolder.Hash(folders[1]);
        if (edits.Count > 0)
            made.Options["edit"] = EditSpec.ToJson(edits);
        return made;
    }

    static ViewResult Result(string page, ShownPrompts shown)
    {
        ViewRun Of(ShownRun run)
        {
            ComponentContributions added = run.View.Contributions;
            int K = shown.Chosen.Count, P = added.Components.Count, last = run.View.Tokens.Count - 1;
            return new ViewRun(run.ModelHash, run.View.Tokens,
                [.. run.View.Tokens.Select(shown.Prompt.Piece)],
                [.. run.View.Stream[^1][last].Top.Select(t =>
                    new ViewToken(t.Token, shown.Prompt.Piece(t.Token), t.Probability))],
                [.. added.Components.Select((part, p) => new ViewPart(ShownPrompts.NameOf(part),
                    ShownPrompts.LayerOf(part), part.Head < 0 ? null : part.Head,
                    added.Values[((last * P + p) * K)..((last * P + p + 1) * K)]))]);
        }
        return new ViewResult(shown.Chosen, [.. shown.Chosen.Select(shown.Prompt.Piece)],
            [.. shown.Runs.Select(Of)], page, new FileInfo(page).Length) { Bos = shown.Prompt.Bos };
    }
}
