using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The edits of a job: from their file into the model.</summary>
static class JobEdits
{
    const int MostNamed = 12, ShownDigits = 12;

    /// <summary>Reads edits and checks them against a model. Remarks name those that change nothing, and
    /// say so if another model or another form of its weights made them.</summary>
    /// <param name="file">JSON file of edits; null for none.</param>
    /// <param name="model">Folder of the model.</param>
    /// <param name="config">Config of the model.</param>
    /// <param name="tokenizer">Tokenizer of the model; null refuses texts in the file.</param>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <param name="processed">Whether the job runs weights rewritten as TransformerLens does; null for a job
    /// that has no such option.</param>
    /// <exception cref="UserException">The file cannot be read, or an edit does not fit the
    /// model.</exception>
    internal static IReadOnlyList<Edit> Read(string? file, string model, ModelConfig config,
        ByteBpeTokenizer? tokenizer, JobContext? context, bool? processed = null)
    {
        if (file is null)
            return [];
        var hashes = new Dictionary<string, string>();
        Edit[] edits = [.. EditSpec.Read(file, tokenizer is null ? null : text => tokenizer.Encode(text))
            .Select(edit => Hashed(edit, hashes))];
        RequireLenses(edits, model, config, processed);
        foreach (Edit edit in edits)
            edit.Validate(config);
        if (Idle(edits) is { } idle)
            context?.Say($"{Quoted.Path(file)}: {idle}");
        if (context is not null)
            RemarkOnOrigin(file, model, processed, context);
        return edits;
    }

    /// <summary>Writes edits as a spec. A remark names those that change nothing.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    internal static void Write(string file, IReadOnlyList<Edit> edits, JobContext context)
    {
        EditSpec.Write(file, edits);
        if (Idle(edits) is { } idle)
            context.Say($"{Quoted.Path(file)}: {idle}");
    }

    // A spec that a verb wrote has a manifest beside it; one written by hand has none.
    static void RemarkOnOrigin(string file, string model, bool? processed, JobContext context)
    {
        string beside = Manifest.PathFor(file);
        if (!File.Exists(beside) || Manifest.Read(beside) is not { ModelHash: { } made } manifest)
            return;
        string here = ModelFolder.Hash(model);
        if (here != made)
            context.Say($"{Quoted.Path(file)}: this edit was made from another model "
                + $"({Short(made)}; this one is {Short(here)})");
        // A token's direction is another one in weights that are rewritten.
        bool rewritten = manifest.Options["weights"] is JsonValue weights
            && weights.TryGetValue(out string? form) && form == InjectionWords.TransformerLens;
        string option = Field.Of(nameof(TraceOptions.Processed));
        if (rewritten && processed is not true)
            context.Say($"{Quoted.Path(file)}: this edit was made with {Field.Of("Weights")} "
                + $"{InjectionWords.TransformerLens}, and this call runs the raw weights; "
                + (processed is null ? $"trace and generate run those with {option}"
                    : $"{option} runs those"));
        else if (!rewritten && processed is true)
            context.Say($"{Quoted.Path(file)}: this edit was made with the raw weights, and this call runs "
                + $"those of {option}; without it the raw ones run");
    }

    static string Short(string hash) => Quoted.Line(hash.Length > ShownDigits ? hash[..ShownDigits] : hash);

    // The edits that leave every value as it is, in words; null for none.
    static string? Idle(IReadOnlyList<Edit> edits)
    {
        if (edits.Count == 0)
            return "its list of edits is empty, so it changes nothing";
        string[] idle = [.. edits.Index().Select(e => (e.Index, What: Idle(e.Item)))
            .Where(e => e.What is not null).Select(e => $"edit {e.Index} {e.What}")];
        return idle.Length == 0 ? null : string.Join(", ", idle.Take(MostNamed))
            + (idle.Length > MostNamed ? $" and {idle.Length - MostNamed} more edits have such" : "")
            + (idle.Length == 1 ? ", so it changes nothing" : ", so they change nothing");
    }

    static string? Idle(Edit edit) => (edit.Operation, edit.Alpha, edit.Value) switch
    {
        (EditOperation.Add or EditOperation.ProjectOut or EditOperation.Swap, 0f, _)
            or (EditOperation.Scale, 1f, _)
            => string.Create(CultureInfo.InvariantCulture, $"has alpha {edit.Alpha}"),
        (EditOperation.Add, _, ConstantValue { Value: 0 }) => "adds 0",
        (EditOperation.Add, _, InlineValue { Values: var row }) when row.All(v => v == 0) => "adds zeros",
        _ => null,
    };

    // A Jacobian belongs to one model and to its raw weights.
    static void RequireLenses(Edit[] edits, string model, ModelConfig config, bool? processed)
    {
        string[] lenses = [.. edits.SelectMany(e => new[] { e.Value, e.To }).OfType<JacobianValue>()
            .Select(value => value.Lens).Distinct()];
        foreach (string lens in lenses)
            JacobianDirections.Require(lens, model, config, processed is true);
    }

    // So that an output names what it was made from.
    static Edit Hashed(Edit edit, Dictionary<string, string> hashes)
    {
        return edit with { Value = Named(edit.Value), To = Named(edit.To) };

        EditValue? Named(EditValue? value) => value switch
        {
            DataMeanValue mean => mean with { Sha256 = Of(mean.Path) },
            FileValue file => file with { Sha256 = Of(file.Path) },
            JacobianValue jacobian => jacobian with { Sha256 = Of(jacobian.WeightsPath) },
            _ => value,
        };

        // Many edits may read one file.
        string Of(string path)
            => hashes.TryGetValue(path, out string? known) ? known : hashes[path] = FileHash.Sha256(path);
    }

    /// <summary>As <see cref="Read(string?, string, ModelConfig, ByteBpeTokenizer?, JobContext?, bool?)"/>,
    /// for a job of many passes over rows of the given lengths.</summary>
    /// <exception cref="UserException">The file cannot be read, or an edit does not fit the model or changes
    /// nothing in any pass.</exception>
    internal static IReadOnlyList<Edit> Read(string? file, string model, ModelConfig config,
        ByteBpeTokenizer? tokenizer, JobContext? context, IReadOnlyList<int> lengths,
        IReadOnlyList<int>? passes = null)
    {
        IReadOnlyList<Edit> edits = Read(file, model, config, tokenizer, context);
        EditReach.RequireInAny(edits, lengths, passes);
        return edits;
    }

    /// <summary>
    /// Finds the means that edits ask for, and puts the edits in force until the returned scope is disposed.
    /// </summary>
    /// <exception cref="UserException">A data set cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    internal static IDisposable Attach(LanguageModel model, IReadOnlyList<Edit> edits,
        ByteBpeTokenizer? tokenizer, int? bos, JobContext context)
        => model.Attach(EditMeans.Find(model, edits, tokenizer, bos,
            share => context.Report("mean of a data set", share)));

    /// <summary>Remarks on each edit that a generation never came to, wholly or in part.</summary>
    internal static void RemarkMissed(
        IReadOnlyList<Edit> edits, SequenceBatch prompts, IReadOnlyList<int[]> added, JobContext context)
    {
        foreach (string missed in EditReach.MissedBy(
            edits, prompts.Lengths, [.. added.Select(a => a.Length)]))
            context.Remark?.Invoke(missed);
    }
}
