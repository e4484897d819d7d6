using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// What a folder says of the training that its model, or the one that it was made from, comes from:
/// <c>manifest.json</c> at its end, before that the start record <c>run.json</c>.
/// </summary>
/// <param name="Bos">Whether the begin-of-text token stood before every document.</param>
/// <param name="BosToken">That token; null if it was not recorded.</param>
/// <param name="Steps">Steps of the whole run; null if they were not recorded.</param>
sealed record TrainingRecord(bool Bos, int? BosToken, int? Steps)
{
    /// <summary>The field of a record's options that holds what the config left open.</summary>
    internal const string Resolved = "resolved";

    // The field of a child's options that holds what Resolved holds for its parent.
    const string Training = "training";

    /// <summary>The record of a folder; null if its model does not come from <c>train</c>.</summary>
    internal static TrainingRecord? Of(string folder)
    {
        string end = Path.Combine(folder, RunFolder.ManifestFile);
        return File.Exists(end) ? Read(end, children: true) : AtStart(folder);
    }

    /// <summary>Adds the record to the options of the manifest of a model made from this one.</summary>
    internal void CarryTo(JsonObject options)
        => options[Training] = new JsonObject { ["bos"] = Bos, ["bos_token"] = BosToken };

    /// <summary>The weights of a training that has not come to its end; null if there are none.</summary>
    internal static string? Weights(string folder)
    {
        string checkpoint = Path.Combine(folder, RunFolder.CheckpointFile);
        return File.Exists(checkpoint) && AtStart(folder) is not null ? checkpoint : null;
    }

    /// <summary>What to say of a folder in which a training has no weights yet; null for another.</summary>
    internal static string? WithoutWeights(string folder) => AtStart(folder) is null ? null
        : $"{Quoted.Path(folder)}: training stopped before its first checkpoint, so there are no weights "
            + "yet; run the same train command again, which begins it anew to the same bits";

    /// <summary>What to say of weights that are not the end of a training; null for others.</summary>
    internal static string? Remark(string folder)
    {
        if (WeightFiles.InFolder(folder) is not { } weights || weights != Weights(folder))
            return null;
        string of = AtStart(folder)?.Steps is { } steps ? $" of {steps}" : "";
        return $"{Quoted.Path(folder)}: training stopped at step {TrainingCheckpoint.StepOf(weights)}{of}; "
            + "these are the weights of its last checkpoint, and the same train command goes on";
    }

    /// <summary>Adds to a run's options what the texts and the model decided.</summary>
    internal static JsonObject Options(TrainingConfig config, int bosToken, int steps)
    {
        JsonObject options = config.ToJson();
        options[Resolved] = new JsonObject
        {
            ["bos"] = config.Texts.Bos, ["bos_token"] = bosToken, ["steps"] = steps,
        };
        return options;
    }

    static TrainingRecord? AtStart(string folder)
    {
        string start = Path.Combine(folder, RunFolder.StartFile);
        return File.Exists(start) ? Read(start, children: false) : null;
    }

    // "train --config F" or "train". A record of another program says nothing.
    static TrainingRecord? Read(string path, bool children)
    {
        try
        {
            Manifest record = Manifest.Read(path);
            bool trained = record.Command.Split(' ')[0] == "train";
            JsonObject? resolved = record.Options[trained ? Resolved : Training] as JsonObject;
            if (!trained && (resolved is null || !children))
                return null;
            return new TrainingRecord(Value<bool>(resolved, "bos") ?? true,
                Value<int>(resolved, "bos_token"), Value<int>(resolved, "steps"));
        }
        catch (UserException)
        {
            return null;
        }
    }

    static T? Value<T>(JsonObject? json, string field)
        where T : struct
        => json?[field] is JsonValue value && value.TryGetValue(out T found) ? found : null;
}
