using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>What is to be forgotten and kept, and how that is measured.</summary>
public sealed record ForgetRequest
{
    /// <summary>A file of sequences to forget.</summary>
    public required string Forget { get; init; }

    /// <summary>A file of sequences to keep; null for none.</summary>
    public string? Keep { get; init; }

    /// <summary>A file of sequences on which memorisation is measured; null for those to forget.</summary>
    public string? Asked { get; init; }

    /// <summary>Forgets only the sequences that the model recites.</summary>
    public bool OnlyMemorised { get; init; }

    /// <summary>How many rows of the keep set are measured, from the first; 0 for all.</summary>
    public int KeepRows { get; init; }

    /// <summary>corrected, or reference: as the reference code computes it.</summary>
    public string Form { get; init; } = "corrected";

    /// <summary>How sequences are asked for.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>The files that are read, for a hash of the data.</summary>
    internal IReadOnlyList<string> Files => [.. new[] { Forget, Keep, Asked }.OfType<string>()];

    /// <summary>Reads and checks the sets.</summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    internal UnlearnData Read(JobContext context, string model, ModelConfig config)
    {
        MethodForm form = FormOf(Form, nameof(Form));
        if (KeepRows < 0)
            throw new UserException($"KeepRows is {KeepRows}; expected how many, or 0 for all",
                nameof(KeepRows));
        MemorisationOptions recital = Recital.Read(config);
        UnlearnData data = UnlearnData.Of(RecitalRequest.Sequences(Forget, model, config),
            Keep is null ? [] : RecitalRequest.Sequences(Keep, model, config), form, config) with
        {
            Recital = recital, OnlyMemorised = OnlyMemorised,
        };
        data = data with
        {
            Asked = Asked is null ? data.Forget : RecitalRequest.Sequences(Asked, model, config),
            KeepRows = KeepRows == 0 ? data.Keep.Count : Math.Min(KeepRows, data.Keep.Count),
        };
        UnlearnData.RequireFits(data.Asked, "asked", config.ContextLength);
        Memorisation.RequireAskable(data.Asked, recital);
        if (data.Overlap > 0)
            context.Remark?.Invoke($"{data.Overlap} of the sequences to keep are to be forgotten too; "
                + (form == MethodForm.Corrected ? "they are not kept" : "the reference form keeps them so"));
        return data;
    }

    /// <summary>The form that a word names.</summary>
    /// <exception cref="UserException">The word names none.</exception>
    internal static MethodForm FormOf(string word, string option) => word switch
    {
        "corrected" => MethodForm.Corrected,
        "reference" => MethodForm.Reference,
        _ => throw new UserException(
            $"{option} is {Quoted.Name(word)}; expected corrected or reference", option),
    };

    /// <summary>Remarks that the reference form of a method is the same as the corrected one.</summary>
    internal static void WarnIfSameForm(JobContext context, MethodForm form, UnlearningMethod method)
    {
        if (form == MethodForm.Reference && !method.HasReferenceForm)
            context.Remark?.Invoke($"{method.Name} has one form: the reference computes the same");
    }

    /// <summary>Adds everything that decides results to a manifest's options.</summary>
    internal void AddTo(JsonObject options, UnlearnData data)
    {
        options["form"] = Form;
        options["files"] = new JsonArray([.. Files.Select(f => (JsonNode)f)]);
        options["prompt"] = data.Recital.Prompt;
        options["continuation"] = data.Recital.Continuation;
        options["never_token"] = data.Recital.NeverWritten;
        options["only_memorised"] = OnlyMemorised;
        options["keep_rows"] = data.KeepRows;
        options["overlap"] = data.Overlap;
    }
}
