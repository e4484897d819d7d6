using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Merges Jacobian lenses that were fitted on shards of the texts: <c>J = sum_i n_i J_i / sum_i n_i</c> with
/// n_i the prompts of a shard, which is the mean over all prompts.
/// </summary>
public static class JacobianMerge
{
    const string Nothing = "none";

    static readonly string[] s_same = ["site", "positions", "tokens_per_row", "bos"];

    /// <summary>Checks that lenses are shards of one fit; no matrix is read.</summary>
    /// <param name="folders">Folders of the lenses.</param>
    /// <param name="config">Config of the model.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <returns>Metadata of each lens.</returns>
    /// <exception cref="UserException">There are fewer than two, one is no complete Jacobian lens of this
    /// model, or two differ in site, layers, positions or begin-of-text token, or share their
    /// texts.</exception>
    public static IReadOnlyList<LensMetadata> Require(
        IReadOnlyList<string> folders, ModelConfig config, string modelHash)
    {
        ArgumentNullException.ThrowIfNull(folders);
        if (folders.Count < 2)
            throw new UserException($"{(folders.Count == 0 ? "no lens" : "one lens")}; expected two or more");
        LensMetadata[] all = [.. folders.Select(LensFolder.ReadFacts)];
        foreach ((int i, LensMetadata facts) in all.Index())
        {
            string name = Quoted.Path(folders[i]);
            if (facts.Lens.Kind != LensKind.Jacobian || facts.Steps.Any(n => n < 1)
                || facts.Steps.Distinct().Count() > 1)
                throw new UserException($"{name}: not a Jacobian lens that was fitted; expected one");
            LensFolder.RequireFor(folders[i], facts, config, modelHash);
            if (!facts.Layers.SequenceEqual(all[0].Layers))
                throw new UserException($"{name}: its layers are {string.Join(", ", facts.Layers)}, and the "
                    + $"first lens has {string.Join(", ", all[0].Layers)}; expected the same");
            foreach (string field in s_same)
                if (Field(facts, field) != Field(all[0], field))
                    throw new UserException($"{name}: its {field} is {Field(facts, field)}, and the first "
                        + $"lens has {Field(all[0], field)}; expected shards of one fit");
            string texts = Field(facts, "texts");
            int twin = all.Take(i).ToList().FindIndex(other => Field(other, "texts") == texts);
            if (twin >= 0 && texts != Nothing)
                throw new UserException($"{name}: it was fitted on the texts of "
                    + $"{Quoted.Path(folders[twin])}, so each of its prompts would count twice; "
                    + "expected other texts");
        }
        return all;
    }

    /// <summary>Merges lenses and writes the result.</summary>
    /// <param name="model">The model of the lenses.</param>
    /// <param name="folders">Folders of the lenses.</param>
    /// <param name="facts">What <see cref="Require"/> returned for them.</param>
    /// <param name="output">Folder for the lens.</param>
    /// <returns>Metadata of the merged lens.</returns>
    /// <exception cref="UserException">A matrix is damaged, or the folder cannot be written.</exception>
    public static LensMetadata Run(LanguageModel model, IReadOnlyList<string> folders,
        IReadOnlyList<LensMetadata> facts, string output)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(facts);
        int C = model.Config.Width;
        long prompts = facts.Sum(f => (long)f.Steps[0]);
        using LensSet merged = LensSet.Empty(model, facts[0].Lens, facts[0].Layers, positions: 1);
        foreach (int layer in merged.Layers)
        {
            double[] sum = new double[C * C];
            float[] one = new float[C * C];
            foreach ((string folder, LensMetadata shard) in folders.Zip(facts))
            {
                using SafetensorsReader reader =
                    SafetensorsReader.Open(Path.Combine(folder, LensFolder.WeightsFile));
                reader.Read(LensFolder.Name(layer, "jacobian"), one);
                for (int i = 0; i < sum.Length; i++)
                    sum[i] += (double)shard.Steps[0] / prompts * one[i];
            }
            merged[layer].Parameters[0].Value.Upload(Array.ConvertAll(sum, v => (float)v));
        }
        JsonObject fit = new() { ["prompts_done"] = prompts };
        foreach (string field in s_same)
            fit[field] = facts[0].Training?[field]?.DeepClone();
        fit["merged"] = new JsonArray([.. facts.Select(f => (JsonNode)new JsonObject
        {
            ["texts"] = f.Training?["texts"]?.DeepClone(), ["prompts"] = f.Steps[0],
        })]);
        LensMetadata made = LensMetadata.Of(merged, facts[0].ModelHash) with
        {
            Steps = [.. merged.Layers.Select(_ => checked((int)prompts))],
            Complete = [.. merged.Layers.Select(_ => true)], Training = fit,
        };
        LensFolder.Save(output, made, merged, merged.Layers.ToHashSet(), Counts(folders, model.Config));
        return made;
    }

    // The sums of the shards' counts; null unless all have some.
    static long[]? Counts(IReadOnlyList<string> folders, ModelConfig config)
    {
        int[]?[] all = [.. folders.Select(LensFolder.Unigram)];
        return all.Any(c => c is null) ? null
            : [.. Enumerable.Range(0, config.VocabSize).Select(v => all.Sum(c => (long)c![v]))];
    }

    static string Field(LensMetadata facts, string field)
        => facts.Training?[field]?.ToJsonString() ?? Nothing;
}
