using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>What is to be forgotten and kept: <c>--forget</c>, <c>--keep</c> and how that is
/// measured.</summary>
sealed class ForgetOptions
{
    readonly Option<string> _forget = new("--forget")
    {
        Description = "sequences to forget, as unlearn measure takes them", HelpName = "F.jsonl",
        Required = true,
    };
    readonly Option<string?> _keep = new("--keep")
    {
        Description = "sequences to keep: methods that need some, and loss and accuracy before and after",
        HelpName = "K.jsonl",
    };
    readonly Option<string?> _asked = new("--asked")
    {
        Description = "sequences that memorisation is measured on, where these are not those to forget: a "
            + "backdoor's held-out ones",
        HelpName = "A.jsonl",
    };
    readonly Option<bool> _memorised = new("--only-memorised")
    {
        Description = "forget only those that the model recites; memorisation is measured on all",
    };
    readonly Option<int> _keepRows = GlobalOptions.Number("--keep-rows", 0,
        "measure only the first rows of the keep set; 0 for all");
    readonly Option<string> _form = new("--form")
    {
        Description = "corrected, or reference: as the reference code computes it, defects included",
        HelpName = "NAME", DefaultValueFactory = _ => "corrected",
    };
    readonly RecitalOptions _recital = new();

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_forget, _keep, _asked, _memorised, _keepRows, _form])
            command.Options.Add(option);
        _recital.AddTo(command);
    }

    /// <summary>Reads and checks the sets.</summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    internal ForgetTask Read(Invocation run, ParseResult parsed, string model, ModelConfig config)
    {
        MethodForm form = Form(parsed.GetValue(_form)!);
        int rows = parsed.GetValue(_keepRows);
        if (rows < 0)
            throw new UserException($"--keep-rows is {rows}; expected how many, or 0 for all");
        MemorisationOptions recital = _recital.Read(parsed, config);
        string forget = parsed.GetValue(_forget)!;
        string? keep = parsed.GetValue(_keep), asked = parsed.GetValue(_asked);
        var data = UnlearnData.Of(RecitalOptions.Sequences(forget, model, config),
            keep is null ? [] : RecitalOptions.Sequences(keep, model, config), form, config);
        IReadOnlyList<PlantedSequence> measured = asked is null ? data.Forget
            : RecitalOptions.Sequences(asked, model, config);
        UnlearnData.RequireFits(measured, "asked", config.ContextLength);
        Memorisation.RequireAskable(measured, recital);
        if (data.Overlap > 0)
            run.Remark($"{data.Overlap} of the sequences to keep are to be forgotten too; "
                + (form == MethodForm.Corrected ? "they are not kept" : "the reference form keeps them so"));
        return new ForgetTask(data, measured, recital, form, parsed.GetValue(_memorised),
            rows == 0 ? data.Keep.Count : Math.Min(rows, data.Keep.Count),
            [.. new[] { forget, keep, asked }.OfType<string>()]);
    }

    /// <summary>The form of a word.</summary>
    /// <exception cref="UserException">It is none.</exception>
    internal static MethodForm Form(string word) => word switch
    {
        "corrected" => MethodForm.Corrected,
        "reference" => MethodForm.Reference,
        _ => throw new UserException($"--form is {Quoted.Name(word)}; expected corrected or reference"),
    };

    /// <summary>Tells that the reference form of a method is no other.</summary>
    internal static void TellForm(Invocation run, ForgetTask task, UnlearningMethod method)
    {
        if (task.Form == MethodForm.Reference && !method.HasReferenceForm)
            run.Remark($"{method.Name} has one form: the reference computes the same");
    }
}

/// <summary>What is to be forgotten and kept, and how that is measured.</summary>
/// <param name="Data">The sets.</param>
/// <param name="Asked">What memorisation is measured on.</param>
/// <param name="Recital">How.</param>
/// <param name="Form">Which reading of the methods.</param>
/// <param name="OnlyMemorised">Whether only what the model recites is to be forgotten.</param>
/// <param name="KeepRows">Rows of the keep set that are measured.</param>
/// <param name="Files">What was read, for a hash.</param>
sealed record ForgetTask(UnlearnData Data, IReadOnlyList<PlantedSequence> Asked, MemorisationOptions Recital,
    MethodForm Form, bool OnlyMemorised, int KeepRows, IReadOnlyList<string> Files)
{
    internal IReadOnlyList<int[]> MeasuredKeep => UnlearnData.Rows(Data.Keep.Take(KeepRows));

    internal string Hash => FileHash.Sha256(Files);

    /// <summary>The sequences to forget: all, or those that the model recites.</summary>
    /// <exception cref="UserException">It recites none.</exception>
    internal IReadOnlyList<PlantedSequence> ToForget(LanguageModel model)
        => OnlyMemorised ? UnlearnData.Recited(model, Data.Forget, Recital) : Data.Forget;

    /// <summary>Adds everything that decides results to a manifest's options.</summary>
    internal void AddTo(JsonObject options)
    {
        options["form"] = Form == MethodForm.Corrected ? "corrected" : "reference";
        options["files"] = new JsonArray([.. Files.Select(f => (JsonNode)f)]);
        options["prompt"] = Recital.Prompt;
        options["continuation"] = Recital.Continuation;
        options["never_token"] = Recital.NeverWritten;
        options["only_memorised"] = OnlyMemorised;
        options["keep_rows"] = KeepRows;
        options["overlap"] = Data.Overlap;
    }
}
