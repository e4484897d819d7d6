using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnApplyJob"/>.</summary>
public sealed record UnlearnApplyOptions
{
    /// <summary>Folder of the model to edit.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// Folder of an edited model, or file of an edit. With <see cref="Undo"/>, null takes the model's own
    /// edit.
    /// </summary>
    public string? Edit { get; init; }

    /// <summary>Whether to undo the edit.</summary>
    public bool Undo { get; init; }

    /// <summary>Folder for the result; it must not exist.</summary>
    public required string Out { get; init; }
}

/// <summary>The result of applying or undoing an edit.</summary>
/// <param name="Undo">Whether the edit was undone.</param>
/// <param name="Elements">Number of weights that the edit changes.</param>
/// <param name="Weights">SHA-256 of the weights of the result, hexadecimal.</param>
/// <param name="ModelHash">SHA-256 of the result's folder, hexadecimal.</param>
public sealed record UnlearnApplyResult(bool Undo, long Elements, string Weights, string ModelHash);

/// <summary>Applies a recorded edit to a model, or undoes it.</summary>
public static class UnlearnApplyJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The model or the edit cannot be read, they do not belong together, or
    /// the folder exists.</exception>
    public static UnlearnApplyResult Run(UnlearnApplyOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model;
        string named = options.Edit ?? (options.Undo ? folder : throw new UserException(
            $"no {Field.Of(nameof(options.Edit))}; expected the edited folder, or "
                + $"{Field.Of(nameof(options.Undo))} to take a model's own edit back"));
        AtomicFolder.RequireNew(options.Out);
        ModelFolder.Check(folder);
        string file = Directory.Exists(named) ? Path.Combine(named, WeightEdit.FileName) : named;
        WeightEdit edit = WeightEdit.Load(file);
        using ComputeDevice device = ComputeDevice.Open("cpu"); // weights are copied, nothing is computed
        using LanguageModel model = LoadedModel.Load(context, device, folder);
        edit.Apply(model, folder, options.Undo);
        string hash = ModelFolder.Hash(folder);
        var made = new JsonObject
        {
            ["undo"] = options.Undo, ["edit"] = file, ["parent"] = options.Undo ? null : folder,
            ["parent_weights"] = edit.Parent, ["edited_weights"] = edit.Edited,
        };
        BeginOfText.Carry(folder, made);
        AtomicFolder.Write(options.Out, into =>
        {
            if (!options.Undo)
                edit.Save(Path.Combine(into, WeightEdit.FileName));
            model.Save(into, folder);
            LensOwner.Record(made, into);
            new Manifest
            {
                Command = "unlearn apply", ModelHash = hash, DataHash = FileHash.Sha256(file),
                Options = made,
            }.Write(Path.Combine(into, "manifest.json"));
        });
        return new UnlearnApplyResult(options.Undo, edit.Elements, options.Undo ? edit.Parent : edit.Edited,
            ModelFolder.Hash(options.Out));
    }
}
