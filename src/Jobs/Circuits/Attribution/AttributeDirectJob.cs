using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="AttributeDirectJob"/>.</summary>
public sealed record AttributeDirectOptions
{
    /// <summary>The model, and prompts with their answers; corrupted prompts are not used.</summary>
    public required ContrastRequest Contrast { get; init; }

    /// <summary>Block whose neurons are listed one by one; null for none.</summary>
    public int? Neurons { get; init; }

    /// <summary>Number of neurons to list, and of parts that the page shows.</summary>
    public int Top { get; init; } = 10;

    /// <summary>File of an HTML page; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>A summand of a logit.</summary>
/// <param name="Name">Name: "head 2.1", "mlp 3", "embed".</param>
/// <param name="Kind">What writes it: embed, pos_embed, head, attn_bias, mlp, neuron, other_neurons,
/// mlp_bias, ln_final_bias or unembed_bias.</param>
/// <param name="Layer">Block, from 0; null outside the blocks.</param>
/// <param name="Head">Head, from 0; null for other kinds.</param>
/// <param name="Neuron">Neuron, from 0; null for other kinds.</param>
/// <param name="Value">What it adds to the logit; the mean over several prompts.</param>
/// <param name="Low">Lower end of the mean's interval, 95 %; null for one prompt.</param>
/// <param name="High">Upper end of it.</param>
public sealed record LogitPartResult(string Name, string Kind,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Neuron, double Value,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High);

/// <summary>A logit as the sum of its parts.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Pairs">Number of prompts.</param>
/// <param name="Answer">The answer as text; null for several prompts.</param>
/// <param name="Wrong">The wrong answer as text; null for none, or for several prompts.</param>
/// <param name="Logit">The model's own logit of the answer, less that of the wrong answer if there is one;
/// the mean over several prompts.</param>
/// <param name="Sum">Sum of the parts: the logit up to rounding.</param>
/// <param name="Parts">Summands, in the order of the forward pass.</param>
public sealed record AttributeDirectResult(string ModelHash, int Pairs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Answer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Wrong,
    double Logit, double Sum, IReadOnlyList<LogitPartResult> Parts)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Splits a logit after a prompt into what each part of the model adds to it.</summary>
public static class AttributeDirectJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the prompts or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static AttributeDirectResult Run(AttributeDirectOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ContrastData data = (options.Contrast with { CleanIsEnough = true }).Read(context);
        foreach ((string option, string? value) in ((string, string?)[])
            [(nameof(ContrastRequest.Corrupt), options.Contrast.Corrupt),
            (nameof(ContrastRequest.CorruptIds), options.Contrast.CorruptIds)])
            if (value is not null)
                throw new UserException($"{Field.Of(option)} says nothing about the parts of one logit; "
                    + "leave it out");
        MetricKind kind = data.UsualMetric();
        foreach (ContrastPair pair in data.Pairs)
            AttributeOptions.CheckAnswers(pair, kind, data.Config);
        (int, int)? neurons = Neurons(options, data);
        if (options.Out is { } place)
            OutputFile.Require(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, data.Folder);
        var found = new List<DirectAttribution>();
        foreach (ContrastPair pair in data.Pairs)
        {
            context.Report("attributing", (double)found.Count / data.Pairs.Count);
            found.Add(DirectAttribution.Read(loaded.Model, pair.Clean, pair.Answer, pair.Wrong, neurons));
        }
        AttributeDirectResult result = Result(data, found, context);
        if (options.Out is { } page)
        {
            AttributeDirectReport.Make(result, data, options.Top).Save(page);
            OutputFile.ManifestOf("attribute", new JsonObject
            {
                ["direct"] = true, ["pairs"] = data.File, ["neurons"] = options.Neurons,
                ["bos"] = data.Bos,
            }, data.Folder, device).WriteBeside(page);
        }
        return result;
    }

    static (int, int)? Neurons(AttributeDirectOptions options, ContrastData data)
    {
        if (options.Top < 1)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top}; expected 1 or more");
        if (options.Neurons is not { } layer)
            return null;
        if (layer < 0 || layer >= data.Config.Layers)
            throw new UserException($"{Field.Of(nameof(options.Neurons))} is {layer}; expected a layer, 0 to "
                + $"{data.Config.Layers - 1}");
        return data.Pairs.Count == 1 ? (layer, options.Top) : throw new UserException(
            $"{Field.Of(nameof(options.Neurons))} and {data.Pairs.Count} prompts; expected one prompt, "
            + "because the largest neurons of each are others");
    }

    static AttributeDirectResult Result(
        ContrastData data, List<DirectAttribution> found, JobContext context)
    {
        IReadOnlyList<LogitPart> parts = found[0].Parts;
        bool one = found.Count == 1;
        LogitPartResult[] means = [.. parts.Select((part, i) =>
        {
            double[] values = [.. found.Select(f => f.Parts[i].Value)];
            Interval? spread = one ? null : Bootstrap.Of(values.Length,
                drawn => drawn.Average(n => values[n]), new SeededRandom(context.Seed, (ulong)i));
            return new LogitPartResult(part.Name, LogitPart.Word(part.Kind), part.Layer,
                part.Kind == LogitPartKind.Head ? part.Index : null,
                part.Kind == LogitPartKind.Neuron ? part.Index : null, values.Average(), spread?.Low,
                spread?.High);
        })];
        ContrastPair first = data.Pairs[0];
        return new AttributeDirectResult(ModelFolder.Hash(data.Folder), found.Count,
            one ? data.Piece(first.Answer) : null,
            one && first.Wrong is { } wrong ? data.Piece(wrong) : null,
            found.Average(f => f.Logit), means.Sum(p => p.Value), means) { Bos = data.Bos };
    }
}
