using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What is done to the logits of a next token before it is chosen.</summary>
public sealed record LogitRules
{
    /// <summary>Numbers that are added to the logits of some tokens, by id.</summary>
    public IReadOnlyDictionary<int, float> Bias { get; init; } = new Dictionary<int, float>();

    /// <summary>Taken off a token's logit once for each time that it was generated.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Taken off the logits of tokens that were generated at least once.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>
    /// Logits of tokens of the text so far, prompt included, are divided by it where they are positive and
    /// multiplied where not (Keskar et al. 2019, CTRL, section 4.1); 1 leaves them.
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Tokens that are less likely than this share of the most likely one cannot be drawn (Nguyen
    /// et al. 2024, min-p); 0 leaves them.</summary>
    public float MinP { get; init; }

    /// <summary>The only tokens that can be drawn; null for all.</summary>
    public IReadOnlyList<int>? Allowed { get; init; }

    /// <summary>Tokens that cannot be drawn before <see cref="MinTokens"/> were generated.</summary>
    public IReadOnlyList<int> Stops { get; init; } = [];

    /// <summary>Tokens that are generated at least.</summary>
    public int MinTokens { get; init; }

    /// <summary>Whether every logit stays as it is.</summary>
    public bool AreIdle => Bias.Count == 0 && FrequencyPenalty == 0 && PresencePenalty == 0
        && RepetitionPenalty == 1 && MinP == 0 && Allowed is null && (MinTokens == 0 || Stops.Count == 0);

    /// <summary>Checks the ids and the ranges.</summary>
    /// <exception cref="UserException">One is wrong.</exception>
    public void Validate(int vocabulary)
    {
        foreach (int id in Bias.Keys.Concat(Allowed ?? []).Concat(Stops))
            if (id < 0 || id >= vocabulary)
                throw new UserException($"token id {id} is outside the vocabulary, 0 to {vocabulary - 1}");
        Require(Bias.Values.All(float.IsFinite), "a bias of a logit is not finite");
        Require(float.IsFinite(FrequencyPenalty) && float.IsFinite(PresencePenalty),
            "a penalty is not finite");
        Require(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty),
            $"the repetition penalty is {RepetitionPenalty}; expected a number above 0");
        Require(MinP >= 0 && MinP <= 1, $"min_p is {MinP}; expected 0 to 1");
        Require(Allowed is not { Count: 0 }, "no token is allowed; expected at least one");
        Require(MinTokens >= 0, $"the least number of tokens is {MinTokens}; expected 0 or more");
    }

    /// <summary>Changes the logits of the next token in place.</summary>
    /// <param name="logits">[V]</param>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="generated">Tokens generated so far.</param>
    /// <param name="temperature">What logits will be divided by; <see cref="MinP"/> is of probabilities after
    /// that.</param>
    public void Apply(Span<float> logits, ReadOnlySpan<int> prompt, IReadOnlyList<int> generated,
        float temperature = 1)
    {
        if (AreIdle)
            return;
        if (RepetitionPenalty != 1)
            Repeated(logits, prompt, generated);
        if (FrequencyPenalty != 0 || PresencePenalty != 0)
            foreach (IGrouping<int, int> token in generated.GroupBy(id => id))
                logits[token.Key] -= FrequencyPenalty * token.Count() + PresencePenalty;
        foreach ((int id, float bias) in Bias)
            logits[id] += bias;
        if (generated.Count < MinTokens)
            foreach (int id in Stops)
                logits[id] = float.NegativeInfinity;
        if (Allowed is { } allowed)
            Keep(logits, allowed);
        if (MinP > 0)
            KeepLikely(logits, temperature);
    }

    void Repeated(Span<float> logits, ReadOnlySpan<int> prompt, IReadOnlyList<int> generated)
    {
        var seen = new HashSet<int>(generated);
        foreach (int id in prompt)
            seen.Add(id);
        foreach (int id in seen)
            logits[id] = logits[id] > 0 ? logits[id] / RepetitionPenalty : logits[id] * RepetitionPenalty;
    }

    static void Keep(Span<float> logits, IReadOnlyList<int> allowed)
    {
        float[] kept = new float[allowed.Count];
        for (int i = 0; i < kept.Length; i++)
            kept[i] = logits[allowed[i]];
        logits.Fill(float.NegativeInfinity);
        for (int i = 0; i < kept.Length; i++)
            logits[allowed[i]] = kept[i];
    }

    void KeepLikely(Span<float> logits, float temperature)
    {
        double max = double.NegativeInfinity;
        foreach (float logit in logits)
            max = Math.Max(max, logit);
        double least = max + Math.Log(MinP) * (temperature > 0 ? temperature : 1);
        for (int v = 0; v < logits.Length; v++)
            if (logits[v] < least)
                logits[v] = float.NegativeInfinity;
    }

    static void Require(bool holds, string line)
    {
        if (!holds)
            throw new UserException(line);
    }
}
