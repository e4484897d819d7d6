using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensGradientJob"/>.</summary>
public sealed record LensGradientOptions
{
    /// <summary>The model and one prompt.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>The token that the prompt should be followed by, as text; a space is put before it unless it
    /// begins with one. Null for the loss of the prompt's own tokens.</summary>
    public string? Answer { get; init; }

    /// <summary>That token as an id.</summary>
    public int? AnswerId { get; init; }

    /// <summary>Whether the step goes up the loss, as gradient ascent unlearns, and not down.</summary>
    public bool Ascent { get; init; }

    /// <summary>Number of tokens to list; at least 1.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Number of positions and layers to list, the strongest first; 0 for all.</summary>
    public int Strongest { get; init; } = 10;

    /// <summary>File of an HTML page with all positions; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>What a step writes at one position of one feed-forward block.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Position">Position, from 0.</param>
/// <param name="Token">The prompt's token there.</param>
/// <param name="Strength">Frobenius norm of the position's term of the gradient of W_out.</param>
/// <param name="Imprint">Tokens that the block's input points at.</param>
/// <param name="Raised">Tokens that the step makes more probable for such inputs.</param>
/// <param name="Lowered">Tokens that it makes less probable.</param>
public sealed record LensGradientRow(int Layer, int Position, string Token, double Strength,
    IReadOnlyList<string> Imprint, IReadOnlyList<string> Raised, IReadOnlyList<string> Lowered);

/// <summary>How well the factors give the gradients again.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="InError">Largest difference from the gradient of W_in, as a share of its largest
/// element.</param>
/// <param name="OutError">The same of W_out.</param>
public sealed record LensGradientLayer(int Layer, double InError, double OutError);

/// <summary>A gradient, in words.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Loss">Loss whose gradient was taken, nats.</param>
/// <param name="Tokens">[T]: token ids of the prompt.</param>
/// <param name="Texts">[T]: these as text.</param>
/// <param name="Ascent">Whether the step goes up the loss.</param>
/// <param name="Layers">How well the factors give the gradients again, by layer.</param>
/// <param name="Rows">Positions and layers, the strongest first.</param>
public sealed record LensGradientResult(string ModelHash, double Loss, IReadOnlyList<int> Tokens,
    IReadOnlyList<string> Texts, bool Ascent, IReadOnlyList<LensGradientLayer> Layers,
    IReadOnlyList<LensGradientRow> Rows)
{
    /// <summary>Token id before the prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Reads in words what a training or unlearning step on a prompt writes into the weights.</summary>
public static class LensGradientJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the prompt or the model.</exception>
    public static LensGradientResult Run(LensGradientOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        if (prompt.Rows.B > 1)
            throw new UserException($"{prompt.Rows.B} prompts; expected one");
        if (options.Top < 1 || options.Top > prompt.Config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top}; expected 1 to "
                + $"{prompt.Config.VocabSize}");
        if (options.Strongest < 0)
            throw new UserException($"{Field.Of(nameof(options.Strongest))} is {options.Strongest}; "
                + "expected 1 or more, or 0 for all");
        int[] tokens = prompt.Rows.Row(0).ToArray(), targets = Targets(options, prompt);
        if (options.Out is { } place)
            OutputFile.Require(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        var lens = BackwardLens.Read(loaded.Model, tokens, targets);
        var text = new LensText(prompt.Tokenizer);
        var rows = new List<LensGradientRow>();
        foreach (GradientFactors layer in lens.Layers)
        {
            context.Cancel.ThrowIfCancellationRequested();
            context.Report("reading", (double)layer.Layer / lens.Layers.Count);
            rows.AddRange(lens.Words(layer.Layer, options.Top).Select(w => Row(w, tokens, text, options)));
        }
        LensGradientRow[] sorted =
            [.. rows.OrderByDescending(r => r.Strength).ThenBy(r => r.Layer).ThenBy(r => r.Position)];
        var result = new LensGradientResult(ModelFolder.Hash(prompt.Folder), lens.Loss, tokens,
            [.. tokens.Select(text.Of)], options.Ascent,
            [.. lens.Layers.Select(l => new LensGradientLayer(l.Layer, l.InError, l.OutError))],
            options.Strongest == 0 ? sorted : [.. sorted.Take(options.Strongest)]) { Bos = prompt.Bos };
        if (options.Out is { } page)
            Write(page, result with { Rows = sorted }, prompt, options, device);
        return result;
    }

    // [T]: the next tokens of the prompt, or the answer behind its last token alone.
    static int[] Targets(LensGradientOptions options, Prompt prompt)
    {
        ModelText text = prompt.Texts;
        int? answer = ContrastRequest.Token(text, nameof(options.Answer), options.Answer,
            nameof(options.AnswerId), options.AnswerId);
        int[] targets = prompt.Rows.NextTokens();
        if (answer is { } token)
        {
            if (token < 0 || token >= prompt.Config.VocabSize)
                throw new UserException(
                    $"token {token} is outside the vocabulary of {prompt.Config.VocabSize}");
            Array.Fill(targets, -1);
            targets[^1] = token;
        }
        return targets.Any(t => t >= 0) ? targets : throw new UserException("the prompt has one token, and "
            + $"no token has a successor; give {Field.Of(nameof(options.Answer))}, or a longer prompt");
    }

    static LensGradientRow Row(
        GradientWords words, int[] tokens, LensText text, LensGradientOptions options)
    {
        string[] Texts(IReadOnlyList<LensToken> list) => [.. list.Select(t => text.Of(t.Id))];
        (string[] up, string[] down) = (Texts(words.Raised), Texts(words.Lowered));
        return new LensGradientRow(words.Layer, words.Position, text.Of(tokens[words.Position]),
            words.Strength, Texts(words.Imprint), options.Ascent ? down : up, options.Ascent ? up : down);
    }

    static void Write(string page, LensGradientResult found, Prompt prompt, LensGradientOptions options,
        ComputeDevice device)
    {
        string List(IEnumerable<string> words) => string.Join(' ', words.Select(VisibleText.Of));
        var report = new HtmlReport("What a step writes");
        report.Paragraph("The gradient of a feed-forward block's second matrix is a sum over positions. Each "
            + "term has a factor from the block's input (the imprint: the inputs that will meet what is "
            + "written) and one from the loss (the shift: what they will be moved towards). Both are read "
            + "with the unembedding. The strongest terms come first.");
        report.Paragraph($"{(found.Ascent ? "A step up" : "A step down")} the loss of {found.Loss:0.0000} "
            + "nats, on the prompt: " + List(found.Texts));
        report.Table(["layer#", "position#", "token", "strength#", "imprint", "raised", "lowered"],
            found.Rows.Select(r => (IReadOnlyList<string>)[$"{r.Layer}", $"{r.Position}",
                VisibleText.Of(r.Token), $"{r.Strength:0.000e+0}", List(r.Imprint), List(r.Raised),
                List(r.Lowered)]));
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            ["model", $"hash {found.ModelHash}"],
            ["the factors give the gradients again to",
                $"{found.Layers.Max(l => Math.Max(l.InError, l.OutError)):0.0e+0} of the largest element"],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        report.Save(page);
        OutputFile.ManifestOf("lens gradient", new JsonObject
        {
            ["tokens"] = new JsonArray([.. found.Tokens.Select(t => (JsonNode)t)]), ["bos"] = prompt.Bos,
            ["answer"] = options.AnswerId, ["answer_text"] = options.Answer, ["ascent"] = options.Ascent,
            ["top"] = options.Top,
        }, prompt.Folder, device).WriteBeside(page);
    }
}
