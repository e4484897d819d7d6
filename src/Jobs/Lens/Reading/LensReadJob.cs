using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensReadJob"/>.</summary>
public sealed record LensReadOptions
{
    /// <summary>The model and one prompt.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>The lens, and the layers, heads and tokens to read.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Position from 0, or last; negative numbers count from the end, -1 is the last.</summary>
    public string Position { get; init; } = "last";

    /// <summary>Whether each head is also removed, to see what the model loses.</summary>
    public bool Ablation { get; init; }

    /// <summary>
    /// Replacement of a removed head's results: zero, or mean for their mean over the prompt; null for zero.
    /// </summary>
    public string? AblationTo { get; init; }

    /// <summary>Whether the stream is also read layer by position; a page always shows it.</summary>
    public bool Grid { get; init; }

    /// <summary>Folder of a second model that reads the same prompts; null for none.</summary>
    public string? Other { get; init; }

    /// <summary>File of an HTML page with all positions; null for none.</summary>
    public string? Out { get; init; }

    internal bool ToMean()
        => Ablation || AblationTo is null ? LensEvalOptions.IsToMean(AblationTo ?? "zero")
            : throw new UserException($"{Field.Of(nameof(AblationTo))} says nothing without "
                + $"{Field.Of(nameof(Ablation))}; leave it out");

    internal int PositionOf(int length)
    {
        if (Position == "last")
            return length - 1;
        bool whole = int.TryParse(
            Position, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int position);
        return whole && position >= -length && position < length ? (position + length) % length
            : throw new UserException($"{Field.Of(nameof(Position))} is {Quoted.Name(Position)}; expected "
            + $"last, 0 to {length - 1}, or -1 to -{length} from the end");
    }
}

/// <summary>Reads the output of each head at a position of a prompt as tokens.</summary>
public static class LensReadJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the prompt, the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensReadResult Run(LensReadOptions options, JobContext context)
        => All(options, context) is [var one] ? one
            : throw new UserException("several prompts; expected one");

    /// <summary>Reads every prompt of a file, with the model loaded once.</summary>
    /// <exception cref="UserException">An option does not fit a prompt, the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static IReadOnlyList<LensReadResult> All(LensReadOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        foreach (int[] row in rows)
            options.PositionOf(row.Length);
        bool toMean = options.ToMean();
        string[] folders = options.Other is { } other ? [prompt.Folder, other] : [prompt.Folder];
        LensPlaces[] places = [.. folders.Select((folder, m) => m == 0
            ? options.Places.Read(folder, prompt.Config)
            : (options.Places with { LensOf = OtherModel.LensOf(options.Places.Lens, folder) })
                .Read(folder, OtherModel.Require(prompt.Folder, prompt.Config, folder)))];
        if (options.Ablation && !places[0].Source.ReadsHeads)
            throw new UserException("this lens reads the residual stream, not heads; leave "
                + $"{Field.Of(nameof(options.Ablation))} out");
        LensText.RemarkOnRemovals(places[0].Source, context);
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit, context, oneByOne: true);
        string? page = options.Out;
        if (page is not null && rows.Length > 1)
            throw new UserException($"{rows.Length} prompts; expected one for the page of "
                + $"{Field.Of(nameof(options.Out))}");
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = context.OpenDevice();
        var found = new LensReadFindings[folders.Length][];
        foreach ((int m, string folder) in folders.Index())
        {
            using LoadedModel loaded = LoadedModel.Open(context, device, folder);
            using IDisposable attached = prompt.Attach(loaded.Model, edits, context);
            var reader = new Reader(options, context, loaded.Model, prompt, places[m])
            {
                ToMean = toMean, Title = OtherModel.NameOf(folder),
            };
            found[m] = [.. rows.Select((tokens, i) => reader.Read(tokens, m == 0 ? null : found[0][i]))];
        }
        if (folders.Length > 1)
            found[0] = [.. found[0].Zip(found[1], (one, two) => one with { Other = two })];
        if (page is not null)
        {
            LensReadReport.Make(found[0][0], device).Save(page);
            Manifest made = found[0][0].Made(prompt.Bos, device);
            if (edits.Count > 0)
                made.Options["edit"] = EditSpec.ToJson(edits);
            made.WriteBeside(page);
        }
        return [.. found[0].Select(one => one.Result() with { Bos = prompt.Bos })];
    }

    // Reads prompts in one model.
    sealed class Reader(
        LensReadOptions options, JobContext context, LanguageModel model, Prompt prompt, LensPlaces places)
    {
        internal required bool ToMean { get; init; }

        internal required string Title { get; init; }

        /// <summary>Reads a prompt; favours and effects are of the first model's tokens.</summary>
        internal LensReadFindings Read(int[] tokens, LensReadFindings? first)
        {
            int position = options.PositionOf(tokens.Length);
            bool grid = options.Grid || options.Out is not null;
            int[] positions = grid ? [.. Enumerable.Range(0, tokens.Length)] : [position];
            IReadOnlyList<int>? favoured = first?.Readings.Model.Select(words => words[0].Id).ToArray();
            LensReadings readings = LensReadings.OfPrompt(model, places.Source,
                places.Request with { Favoured = favoured, WithStream = grid }, tokens, positions,
                share => context.Report("reading", share));
            return new LensReadFindings(
                places, new LensText(prompt.Tokenizer), tokens, position, positions, readings)
            {
                Title = Title, ToMean = ToMean, Grids = grid ? Grids(tokens, readings) : [],
                Effects = options.Ablation ? Effects(tokens, positions,
                    favoured ?? [.. readings.Model.Select(words => words[0].Id)]) : null,
            };
        }

        IReadOnlyList<StreamGrid> Grids(int[] tokens, LensReadings readings)
        {
            IReadOnlyList<IReadOnlyList<StreamReading>> trajectory = StreamTrajectory.OfPrompt(
                model, tokens, Math.Min(StreamGrid.Tokens, model.Config.VocabSize));
            StreamGrid logit = StreamGrid.Of(trajectory);
            return readings.Stream.Count == 0 ? [logit] : [StreamGrid.Of(places.Title,
                places.Source.Options, places.Request.Layers, readings.Stream, trajectory[^1]), logit];
        }

        Dictionary<HeadPlace, double[]> Effects(int[] tokens, int[] positions, IReadOnlyList<int> favoured)
        {
            HeadPlace[] heads = [.. places.Request.Layers.SelectMany(
                l => places.Request.Heads.Select(h => new HeadPlace(l, h)))];
            using var removal = new HeadRemoval(model, tokens.Length, new HeadRemovalOptions
            {
                ToMean = ToMean, LastOnly = positions is [var only] && only == tokens.Length - 1,
            });
            double[][] changes = removal.Changes(tokens, positions, favoured, heads, share =>
            {
                context.Cancel.ThrowIfCancellationRequested();
                context.Report("removing heads", share);
            });
            return heads.Zip(changes).ToDictionary();
        }
    }
}
