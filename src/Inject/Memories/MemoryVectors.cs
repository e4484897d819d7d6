using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Makes the vectors of pairs' own memories and of random words, and caches them.</summary>
sealed class MemoryVectors(RowInjections injections, MemoryEncoder encoder, string? lens = null)
{
    readonly Dictionary<(string, int), float[]> _made = [];

    /// <summary>Returns tau times the vector of a pair's own memory, [C].</summary>
    internal float[] Curated(int pair, int layer, float tau) => Scaled(Of(pair, layer), tau);

    /// <summary>Returns tau times a word's vector, [C]; null if the word is the pair's own memory.</summary>
    internal float[]? Random(RandomWord word, int pair, int layer, float tau, bool sameNorm, int curatedLayer)
    {
        if (word.Tokens.AsSpan().SequenceEqual(injections.Pairs[pair].Memory))
            return null;
        float[] vector = Of(word.Tokens, layer);
        if (!sameNorm)
            return Scaled(vector, tau);
        double own = Memory.Norm(Of(pair, curatedLayer)), length = Memory.Norm(vector);
        return length > 0 ? Scaled(vector, (float)(tau * own / length)) : throw new UserException(
            $"the vector of {Quoted.Name(word.Text)} is zero, so it has no norm to scale; leave "
            + $"{Field.Of(nameof(RandomMemoryOptions.SameNorm))} out");
    }

    /// <summary>
    /// Returns the same as <see cref="Random(RandomWord, int, int, float, bool, int)"/> for the cell of the
    /// options.
    /// </summary>
    internal float[]? Random(RandomWord word, int pair, RandomMemoryOptions o)
        => Random(word, pair, o.RandomLayer, o.Tau, o.SameNorm, o.Layer);

    float[] Of(int pair, int layer) => Of(injections.Pairs[pair].Memory, layer);

    float[] Of(int[] tokens, int layer)
    {
        bool everywhere = encoder is MemoryEncoder.Unembed or MemoryEncoder.Embed;
        (string, int) key = (string.Join(',', tokens), everywhere ? 0 : layer);
        if (!_made.TryGetValue(key, out float[]? vector))
            _made[key] = vector =
                new Memory(tokens, layer, 1f) { Encoder = encoder, Lens = lens }.Vector(injections.Model);
        return vector;
    }

    static float[] Scaled(float[] vector, float factor) => Array.ConvertAll(vector, v => factor * v);
}
