using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How the next token is chosen from logits.</summary>
/// <param name="Temperature">Logits are divided by it; 1 leaves them, 0 means <paramref
/// name="Greedy"/>.</param>
/// <param name="TopK">Only this many most likely tokens can be drawn; 0 means all.</param>
/// <param name="TopP">Only the smallest set of most likely tokens with this probability together can be
/// drawn; 1 means all. Applied to what <paramref name="TopK"/> left.</param>
/// <param name="Greedy">Always the most likely token.</param>
public sealed record SamplingOptions(float Temperature = 1, int TopK = 0, float TopP = 1, bool Greedy = false)
{
    /// <summary>Throws if an option is out of its range.</summary>
    /// <exception cref="UserException">The option, its value and its range.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0 && float.IsFinite(Temperature)))
            throw new UserException(
                $"{Field.Of(nameof(Temperature))} is {Temperature}; expected a number from 0 (greedy) up.");
        if (TopK < 0)
            throw new UserException($"{Field.Of(nameof(TopK))} is {TopK}; expected 0 (all tokens) or more.");
        if (!(TopP > 0 && TopP <= 1))
            throw new UserException(
                $"{Field.Of(nameof(TopP))} is {TopP}; expected more than 0 and at most 1 (all tokens).");
    }
}

/// <summary>
/// Draws the next token. Softmax is computed in double and every tie goes to the lower id: the same logits,
/// options and seed give the same token. Not safe to share between threads.
/// </summary>
public sealed class Sampler
{
    readonly SamplingOptions _options;
    int[] _ids = [];
    double[] _weights = []; // [V], exp((logit - max) / temperature), by id

    /// <summary>A sampler.</summary>
    /// <exception cref="UserException">An option is out of its range.</exception>
    public Sampler(SamplingOptions options)
    {
        options.Validate();
        _options = options;
    }

    /// <summary>The next token's id. A greedy choice uses no random number, any other exactly one.</summary>
    /// <param name="logits">[V]; minus infinity is a token that cannot be drawn.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or plus infinity, or all are minus
    /// infinity: the model's numbers are broken.</exception>
    public int Next(ReadOnlySpan<float> logits, SeededRandom random)
    {
        int best = Best(logits);
        if (IsGreedy)
            return best;
        int count = Weigh(logits, logits[best], out double total);
        double left = random.NextDouble() * total;
        for (int i = 0; i < count; i++)
        {
            left -= _weights[_ids[i]];
            if (left < 0)
                return _ids[i];
        }
        return best; // rounding left a rest of the order of 1e-16
    }

    /// <summary>
    /// The tokens that <see cref="Next"/> can draw, with their probabilities (they sum to 1). In order of
    /// falling probability when top-k or top-p is on, else of id.
    /// </summary>
    /// <param name="logits">[V].</param>
    /// <exception cref="InvalidOperationException">As in <see cref="Next"/>.</exception>
    public IReadOnlyList<(int Id, double Probability)> Distribution(ReadOnlySpan<float> logits)
    {
        int best = Best(logits);
        if (IsGreedy)
            return [(best, 1)];
        int count = Weigh(logits, logits[best], out double total);
        return [.. _ids.Take(count).Where(id => _weights[id] > 0).Select(id => (id, _weights[id] / total))];
    }

    bool IsGreedy => _options.Greedy || _options.Temperature == 0;

    static int Best(ReadOnlySpan<float> logits)
    {
        if (logits.IsEmpty)
            throw new ArgumentException("There are no logits to choose from.", nameof(logits));
        int best = 0;
        for (int v = 0; v < logits.Length; v++)
        {
            if (float.IsNaN(logits[v]) || float.IsPositiveInfinity(logits[v]))
                throw new InvalidOperationException(
                    $"The logit of token {v} is {logits[v]}: the model's output is broken.");
            if (logits[v] > logits[best])
                best = v;
        }
        return float.IsNegativeInfinity(logits[best])
            ? throw new InvalidOperationException("Every logit is minus infinity: no token can be drawn.")
            : best;
    }

    // Fills the front of _ids with the candidates; returns how many and the sum of their weights.
    int Weigh(ReadOnlySpan<float> logits, float max, out double total)
    {
        if (_ids.Length != logits.Length)
            (_ids, _weights) = (new int[logits.Length], new double[logits.Length]);
        int count = 0;
        if (_options.TopK > 0 && _options.TopK < logits.Length)
            foreach (int id in MostLikely(logits, _options.TopK))
                _ids[count++] = id;
        else
            for (; count < logits.Length; count++)
                _ids[count] = count;

        // The maximum first: GPT-2's logits can lie below -100, where every exp would be 0.
        total = 0;
        foreach (int id in _ids.AsSpan(0, count))
        {
            _weights[id] = Math.Exp(((double)logits[id] - max) / _options.Temperature);
            total += _weights[id];
        }
        if (_options.TopP < 1)
            count = KeepTopP(count, ref total);
        else if (_options.TopK > 0)
            SortByWeight(_ids.AsSpan(0, count));
        return count;
    }

    static IEnumerable<int> MostLikely(ReadOnlySpan<float> logits, int k)
    {
        var kept = new PriorityQueue<int, (float Logit, int MinusId)>(k);
        float lowest = float.NegativeInfinity;
        for (int v = 0; v < logits.Length; v++)
        {
            if (kept.Count < k)
                kept.Enqueue(v, (logits[v], -v));
            else if (logits[v] > lowest) // an equal one has the higher id and stays out
                kept.DequeueEnqueue(v, (logits[v], -v));
            else
                continue;
            kept.TryPeek(out _, out var least);
            lowest = least.Logit;
        }
        return kept.UnorderedItems.Select(item => item.Element).Order();
    }

    int KeepTopP(int count, ref double total)
    {
        // Tokens below (1 - p) / n of the total weigh less than 1 - p together, so the set is complete
        // without them; sorting all 50257 would cost more than a layer.
        double least = (1.0 - _options.TopP) / count * total;
        int likely = 0;
        for (int i = 0; i < count; i++)
            if (_weights[_ids[i]] >= least)
                _ids[likely++] = _ids[i];
        SortByWeight(_ids.AsSpan(0, likely));

        double wanted = _options.TopP * total;
        double sum = 0;
        int kept = 0;
        while (kept < likely && sum < wanted)
            sum += _weights[_ids[kept++]];
        total = sum;
        return kept;
    }

    void SortByWeight(Span<int> ids)
    {
        double[] weights = _weights;
        ids.Sort((a, b) => weights[a] != weights[b] ? weights[b].CompareTo(weights[a]) : a.CompareTo(b));
    }
}
