using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>The sequences to forget and to keep, and the options of their measures.</summary>
public sealed record ForgetRequest
{
    /// <summary>File of sequences to forget.</summary>
    public required string Forget { get; init; }

    /// <summary>File of sequences to keep; null for none.</summary>
    public string? Keep { get; init; }

    /// <summary>File of sequences that memorisation is measured on; null for those to forget.</summary>
    public string? Asked { get; init; }

    /// <summary>Whether to forget only the sequences that the model recites.</summary>
    public bool OnlyMemorised { get; init; }

    /// <summary>Number of rows of the keep set that are measured, from the first; 0 for all.</summary>
    public int KeepRows { get; init; }

    /// <summary>
    /// Form of the method: corrected (its equation), or reference (as the reference code computes it).
    /// </summary>
    public string Form { get; init; } = "corrected";

    /// <summary>Options of the memorisation measure.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>The files of the sets, for the hash of the data.</summary>
    internal IReadOnlyList<string> Files => [.. new[] { Forget, Keep, Asked }.OfType<string>()];

    /// <summary>Reads the sets and checks them.</summary>
    /// <exception cref="UserException">An option is wrong, a file cannot be read, or a sequence does not fit
    /// the model.</exception>
    internal UnlearnData Read(JobContext context, string model, ModelConfig config)
    {
        MethodForm form = FormOf(Form, nameof(Form));
        if (KeepRows < 0)
            throw new UserException($"{Field.Of(nameof(KeepRows))} is {KeepRows}; expected how many, or 0 "
                + "for all");
        ModelText text = ModelText.Open(model, config, Recital.Rules, context);
        UnlearnData data = UnlearnData.Of(Recital.Sequences(Forget, text, context),
            Keep is null ? [] : Recital.Sequences(Keep, text, context), form, config) with
        {
            OnlyMemorised = OnlyMemorised,
        };
        data = data with
        {
            Asked = Asked is null ? data.Forget : Recital.Sequences(Asked, text, context),
            KeepRows = KeepRows == 0 ? data.Keep.Count : Math.Min(KeepRows, data.Keep.Count),
        };
        MemorisationOptions recital = Recital.Read(text, data.Asked);
        data = data with { Recital = recital };
        UnlearnData.RequireFits(data.Asked, "asked", config.ContextLength);
        Memorisation.RequireAskable(data.Asked, recital);
        if (data.Overlap > 0)
            context.Remark?.Invoke($"{data.Overlap} of the sequences to keep are to be forgotten too; "
                + (form == MethodForm.Corrected ? "they are not kept" : "the reference form keeps them so"));
        return data;
    }

    /// <summary>Returns the form of a word.</summary>
    /// <exception cref="UserException">The word names no form.</exception>
    internal static MethodForm FormOf(string word, string option) => word switch
    {
        "corrected" => MethodForm.Corrected,
        "reference" => MethodForm.Reference,
        _ => throw new UserException(
            $"{Field.Of(option)} is {Quoted.Name(word)}; expected corrected or reference"),
    };

    /// <summary>
    /// Remarks, if the reference form was requested, that it is the same as the corrected one.
    /// </summary>
    internal static void WarnIfSameForm(JobContext context, MethodForm form, UnlearningMethod method)
    {
        if (form == MethodForm.Reference && !method.HasReferenceForm)
            context.Remark?.Invoke($"{method.Name} has one form: the reference computes the same");
    }

    /// <summary>Adds all values that influence the results to a manifest's options.</summary>
    internal void AddTo(JsonObject options, UnlearnData data)
    {
        options["form"] = Form;
        options["files"] = new JsonArray([.. Files.Select(f => (JsonNode)f)]);
        options["prompt"] = data.Recital.Prompt;
        options["continuation"] = data.Recital.Continuation;
        options["never_token"] = data.Recital.NeverWritten;
        if (data.Recital.Bos is { } bos)
            options["bos"] = bos;
        if (Recital.LongRows != "refuse")
            options["long_rows"] = Recital.LongRows;
        options["only_memorised"] = OnlyMemorised;
        options["keep_rows"] = data.KeepRows;
        options["overlap"] = data.Overlap;
    }
}
