using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A request checked against a model: what every pass needs, with names resolved.</summary>
public sealed class AccessCall
{
    AccessCall(
        AccessRequest request, ResidentModel model, IReadOnlyList<int[]> rows, AnswerMetric? metric)
    {
        (Request, Model, Rows, Metric) = (request, model, rows, metric);
        ReadSites = [.. request.Reads.Select((r, i) => r.Sites(model.Config, $"reads[{i}]"))];
        Canonical = request.Canonical(rows);
        if (metric is not null)
            Canonical["grads"]!["of"] = MetricWords.Of(metric); // tokens as ids, as the inputs
        Hash = AccessRequest.HashOf(Canonical);
    }

    /// <summary>The request.</summary>
    public AccessRequest Request { get; }

    /// <summary>The model.</summary>
    public ResidentModel Model { get; }

    /// <summary>Token ids of the inputs.</summary>
    public IReadOnlyList<int[]> Rows { get; }

    /// <summary>The sites of each read.</summary>
    internal IReadOnlyList<IReadOnlyList<Site>> ReadSites { get; }

    /// <summary>Edits; their rows are inputs of the request.</summary>
    public IReadOnlyList<Edit> Edits { get; private init; } = [];

    /// <summary>Sites of the gradient.</summary>
    internal IReadOnlyList<Site> GradientSites { get; private init; } = [];

    /// <summary>The metric of the gradient; null for the loss.</summary>
    internal AnswerMetric? Metric { get; }

    /// <summary><see cref="AccessRequest.Canonical"/>.</summary>
    public JsonObject Canonical { get; }

    /// <summary><see cref="AccessRequest.HashOf"/>.</summary>
    public string Hash { get; }

    /// <summary>Tokens of all inputs.</summary>
    public int Tokens => Rows.Sum(r => r.Length);

    /// <summary>Whether a pass over the inputs is needed; a continuation alone needs none.</summary>
    internal bool NeedsPass => Request.Reads.Count > 0 || Request.Logits;

    /// <summary>Checks a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="locate">Says where a file is that an edit names, or throws.</param>
    /// <exception cref="BadRequestException">The request does not fit the model.</exception>
    public static AccessCall Of(AccessRequest request, ResidentModel model, Func<string, string> locate)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(model);
        ModelConfig config = model.Config;
        int[][] rows = [.. request.Inputs.Select((input, i) => Row(input, request, model, i))];
        AnswerMetric? metric = request.Gradient is not { Of: not "loss" and var of } ? null : MetricOf(of,
            model);
        var call = new AccessCall(request, model, rows, metric)
        {
            Edits = request.Edits is { } list
                ? ReadEdits(list, model, [.. rows.Select(r => r.Length)], request.Generation?.MaxTokens,
                    locate)
                : [],
            GradientSites = request.Gradient is not { At: var at } ? [] : SitesOf(at, config),
        };
        for (int i = 0; i < request.Reads.Count; i++)
            foreach (int[] row in rows)
                request.Reads[i].PositionsOf(row.Length, $"reads[{i}]");
        request.Lens?.Require(model, rows);
        foreach (string name in request.Gradient?.Parameters ?? [])
            if (!model.Model.Parameters.Slices.Any(s => s.Name == name))
                throw new BadRequestException($"parameter {Quoted.Name(name)} does not exist",
                    "grads.parameters");
        if (request.Gradient is { Of: "loss" } && rows.Any(r => r.Length < 2))
            throw new BadRequestException("an input of one token has no next token, and so no loss",
                "grads.of");
        if (request.Generation is { } generation)
            foreach (int[] row in rows)
                if (row.Length + generation.MaxTokens > config.ContextLength)
                    throw new BadRequestException($"an input of {Counted.Of(row.Length, "token")} and "
                        + $"{generation.MaxTokens} new ones pass the context of {config.ContextLength}",
                        "generate.max_tokens", "context_length_exceeded");
        return call;
    }

    /// <summary>The edits, for rows of a pass that begin at some row.</summary>
    internal IEnumerable<Edit> EditsFrom(int first) => Edits.Select(e => e with
    {
        Rows = [.. (e.Rows ?? [.. Enumerable.Range(0, Rows.Count)]).Select(r => r + first)],
    });

    /// <summary>The edits of one input alone, as the edits of row 0.</summary>
    internal IEnumerable<Edit> EditsOf(int input) => Edits
        .Where(e => e.Rows is null || e.Rows.Contains(input))
        .Select(e => e.WithValuesOfRow(input) with { Rows = [0] });

    static int[] Row(AccessInput input, AccessRequest request, ResidentModel model, int i)
    {
        string param = $"inputs[{i}]";
        int[] row;
        try
        {
            row = input.Ids ?? model.Encode(input.Text!, request.Begin);
            new SequenceBatch([row]).Validate(model.Config);
        }
        catch (UserException e)
        {
            throw new BadRequestException($"{param}: {e.Message}", param,
                input.Ids?.Length > model.Config.ContextLength ? "context_length_exceeded" : null);
        }
        return row;
    }

    /// <summary>Reads the edits of a request.</summary>
    /// <param name="list">A list of edits, as in a file of edits.</param>
    /// <param name="model">What is edited.</param>
    /// <param name="lengths">Tokens of each text; rows of edits are these.</param>
    /// <param name="generated">New tokens of each; null where nothing is generated.</param>
    /// <param name="locate">Says where a file is that an edit names, or throws.</param>
    /// <exception cref="BadRequestException">An edit does not fit, or would change nothing.</exception>
    public static IReadOnlyList<Edit> ReadEdits(JsonElement list, ResidentModel model,
        IReadOnlyList<int> lengths, int? generated, Func<string, string> locate)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(lengths);
        using JsonDocument spec = JsonDocument.Parse($"{{\"edits\":{list.GetRawText()}}}");
        try
        {
            IReadOnlyList<Edit> edits = EditSpec.Parse(spec.RootElement, "edits", null,
                model.Tokenizer is { } tokenizer ? text => tokenizer.Encode(text) : null, locate);
            foreach (Edit edit in edits)
            {
                if (edit.Value is DataMeanValue || edit.To is DataMeanValue)
                    throw new UserException("mean_of runs the model over a data set; expected the mean as "
                        + "numbers, or as a tensor of an uploaded file");
                edit.Validate(model.Config);
                edit.ValidateRows(lengths.Count);
            }
            if (EditReach.MissedBy(edits, lengths,
                [.. lengths.Select(_ => Math.Max(1, generated ?? 1))]) is [var missed, ..])
                throw new UserException(missed);
            return edits;
        }
        catch (UserException e)
        {
            throw new BadRequestException(e.Message, "edits", "edit_does_not_fit");
        }
    }

    static IReadOnlyList<Site> SitesOf(IReadOnlyList<string> at, ModelConfig config)
    {
        try
        {
            IReadOnlyList<Site> sites = Site.MatchAll(at, config);
            foreach (Site site in sites)
                if (site.Kind is SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale)
                    throw new UserException(
                        $"{site} has no gradient of its own; ask for the normalized output's");
            return sites;
        }
        catch (UserException e)
        {
            throw new BadRequestException(e.Message, "grads.at", "site_not_found");
        }
    }

    static AnswerMetric MetricOf(string of, ResidentModel model)
    {
        try
        {
            // As the verb grad: a word without a space before it is the word in the middle of a text.
            AnswerMetric metric = MetricWords.ParseWithTokens(of, "grads.of", word =>
                ContrastRequest.SingleToken(
                    ModelText.Open(model.Folder, model.Config, new TextRules(), null), word, "grads.of"));
            metric.Validate(model.Config.VocabSize);
            return metric;
        }
        catch (UserException e)
        {
            throw new BadRequestException(e.Message, "grads.of");
        }
    }
}
