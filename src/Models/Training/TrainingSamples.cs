using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Texts that the model writes while it is trained, in the steps of its evaluations.</summary>
public sealed record TrainingSamples
{
    /// <summary>What is continued; at least one.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>Most tokens that are added to each.</summary>
    public int MaxNewTokens { get; init; } = 32;

    /// <summary>Logits are divided by it; 0 takes the most likely token.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only this many most likely tokens can be drawn; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the most likely tokens with this probability together can be drawn.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Of the draws; the same in every evaluation, and apart from the run's.</summary>
    public ulong Seed { get; init; }

    internal string? Problem() =>
        (Prompts.Count > 0 ? null : "samples: prompts is empty; expected at least one text")
        ?? TrainingConfig.Range("samples: max_new_tokens", MaxNewTokens, 1)
        ?? TrainingConfig.NotNegative("samples: temperature", Temperature)
        ?? TrainingConfig.Range("samples: top_k", TopK, 0)
        ?? (TopP > 0 && TopP <= 1 ? null : $"samples: top_p is {TopP}; expected more than 0 and at most 1");
}

/// <summary>A prompt and what the model wrote after it.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Text">What was added.</param>
public sealed record SampleText(string Prompt, string Text);

/// <summary>Writes the samples of a run. It reads the weights and changes nothing.</summary>
sealed class SampleWriter
{
    readonly LanguageModel _model;
    readonly TrainingTexts _texts;
    readonly TrainingSamples _samples;
    readonly SequenceBatch _prompts;

    /// <summary>Encodes the prompts.</summary>
    /// <exception cref="UserException">One has no token, or does not fit the model.</exception>
    internal SampleWriter(LanguageModel model, TrainingTexts texts, TrainingConfig config)
    {
        (_model, _texts, _samples) = (model, texts, config.Samples!);
        int[][] rows = [.. _samples.Prompts.Select(prompt => texts.Tokenizer.Encode(prompt))];
        if (config.Texts.Bos)
            rows = [.. rows.Select(row => (int[])[texts.Train.EndOfText, .. row])];
        for (int i = 0; i < rows.Length; i++)
            Check(i, rows[i], model.Config);
        _prompts = new SequenceBatch(rows);
    }

    /// <summary>Continues every prompt, until its end of text.</summary>
    internal IReadOnlyList<SampleText> Write()
    {
        int end = _texts.Train.EndOfText;
        IReadOnlyList<int[]> added = new Generator(_model).Generate(_prompts, new GenerationOptions
        {
            MaxNewTokens = _samples.MaxNewTokens,
            Sampling = new SamplingOptions(_samples.Temperature, _samples.TopK, _samples.TopP),
            Seed = _samples.Seed,
            StopToken = end,
        });
        return [.. added.Select((ids, i) => new SampleText(_samples.Prompts[i],
            _texts.Tokenizer.Decode(ids.Length > 0 && ids[^1] == end ? ids[..^1] : ids)))];
    }

    void Check(int i, int[] row, ModelConfig model)
    {
        if (row.Length == 0)
            throw new UserException(
                $"samples: prompts[{i}] has no token; expected a text, or texts with bos");
        if (row.Length + (long)_samples.MaxNewTokens > model.ContextLength)
            throw new UserException($"samples: prompts[{i}] has {Counted.Of(row.Length, "token")} and "
                + "max_new_tokens is "
                + $"{_samples.MaxNewTokens}; expected at most the context of {model.ContextLength} together");
        int at = row.AsSpan().IndexOfAnyExceptInRange(0, model.VocabSize - 1);
        if (at >= 0)
            throw new UserException($"samples: prompts[{i}] has token id {row[at]}; the model's vocabulary "
                + $"is 0 to {model.VocabSize - 1}");
    }
}
