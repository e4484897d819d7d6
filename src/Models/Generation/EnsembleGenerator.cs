using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Continues prompts with several models of one vocabulary: each runs every token over its own cache, and the
/// next one is chosen from the logits that a rule makes of theirs.
/// </summary>
public sealed class EnsembleGenerator(IReadOnlyList<LanguageModel> models, EnsembleRule rule)
{
    /// <summary>The tokens added to each prompt.</summary>
    /// <exception cref="UserException">A prompt is empty, holds an unknown token or leaves no room in a
    /// context, or the vocabularies differ.</exception>
    public IReadOnlyList<int[]> Generate(SequenceBatch prompts, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(options);
        EnsembleLogits.RequireOneVocabulary(models);
        foreach (LanguageModel model in models)
            Generator.Require(model.Config, prompts, options);
        int capacity = prompts.Lengths.Max() + options.MaxNewTokens, V = models[0].Config.VocabSize;
        var texts = new GeneratedTexts(models[0], prompts, options);
        using var arena = new TensorArena(models[0].Device,
            TensorArena.Measure(models[0].Device, a => _ = a.Cut("logits", prompts.B, V)), "logits");
        Tensor combined = arena.Cut("logits of the ensemble", prompts.B, V);
        List<CachedStream> streams = [];
        try
        {
            foreach (LanguageModel model in models)
                streams.Add(new CachedStream(model, prompts.B, capacity, []));
            for (int step = 0; step < options.MaxNewTokens && !texts.Ended; step++)
            {
                float[][] logits = [.. streams.Select(s => (step == 0 ? s.First(prompts).Logits
                    : s.Next(texts, step, prompts.Lengths).Logits).ToArray())];
                float[] rows = new float[prompts.B * V];
                for (int b = 0; b < prompts.B; b++)
                    EnsembleLogits.Combine(rule, [.. logits.Select(z =>
                        (ReadOnlyMemory<float>)z.AsMemory(b * V, V))], rows.AsSpan(b * V, V));
                combined.Upload(rows);
                texts.Choose(step, combined, new SiteRecordings(nameof(GenerationOptions.Record)));
            }
        }
        finally
        {
            foreach (CachedStream stream in streams)
                stream.Dispose();
        }
        return texts.Added;
    }
}
