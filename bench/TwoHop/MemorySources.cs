using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.TwoHop;

/// <summary>A way to make a vector of a pair for a layer's attention output.</summary>
/// <param name="Name">Its name in the results.</param>
/// <param name="Vector">Of a pair of a part for a layer, [C]; null where there is none.</param>
sealed record MemorySource(string Name, Func<HopPart, int, int, float[]?> Vector)
{
    /// <summary>What is read later than the layer: blocks behind whose output the state is taken; null for
    /// memories.</summary>
    internal string? Detail { get; init; }
}

/// <summary>The vectors that are compared, of the same length wherever they are added.</summary>
static class MemorySources
{
    const int Words = 5; // as lens memory takes

    /// <summary>All sources.</summary>
    /// <param name="pairs">The model and its pairs.</param>
    /// <param name="jacobian">Folder of a Jacobian lens at resid_mid.</param>
    /// <param name="learned">Folder of a thin lens of all heads.</param>
    internal static IReadOnlyList<MemorySource> All(HopPairs pairs, string jacobian, string learned)
    {
        LanguageModel model = pairs.Model;
        var directions = LearnedDirections.Open(learned, pairs);
        var layers = new Dictionary<string, float[][]>();
        MemorySource OfTokens(string name, Func<int[], int, float[]> vector)
        {
            var known = new Dictionary<(string, int), float[]>();
            return new(name, (part, i, layer) =>
            {
                int[] tokens = part.Pairs[i].Memory;
                (string, int) key = (string.Join(',', tokens), layer);
                return known.TryGetValue(key, out float[]? v) ? v : known[key] = vector(tokens, layer);
            });
        }
        float[] Memory(int[] tokens, int layer, MemoryEncoder encoder) => new Memory(tokens, layer, 1f)
        {
            Encoder = encoder, Lens = encoder == MemoryEncoder.Jacobian ? jacobian : null,
        }.Vector(model);
        return
        [
            OfTokens("unembedding", (t, l) => Memory(t, l, MemoryEncoder.Unembed)),
            OfTokens("Jacobian lens, direction", (t, l) => Memory(t, l, MemoryEncoder.Jacobian)),
            OfTokens("learned lens, direction", directions.Of),
            new("learned lens, words of the single-hop run", LensWordsOf(pairs, learned)),
            OfTokens("layer output", (t, l) => Memory(t, l, MemoryEncoder.Layer)),
            .. Later(model.Config),
        ];
    }

    // Back-patching as a memory: the state behind a block from the layer on, at the end of the description
    // or of the prompt.
    static IEnumerable<MemorySource> Later(ModelConfig config)
    {
        for (int from = 0; from < config.Layers; from++)
            foreach (bool entity in (bool[])[true, false])
            {
                int block = from;
                yield return new("later state, added", (part, i, layer) => layer > block ? null
                    : HopPart.At(part.Streams[i][block + 1],
                        entity ? part.EntityEnd(i) : part.Pairs[i].Obscure.Length - 1, config.Width))
                {
                    Detail = $"behind block {block} at the end of the "
                        + (entity ? "description" : "prompt"),
                };
            }
    }

    // The first tokens of the head whose lens favours the single-hop run's own next token most.
    static Func<HopPart, int, int, float[]?> LensWordsOf(HopPairs pairs, string learned)
    {
        LanguageModel model = pairs.Model;
        LensSource source = LensSource.Find(learned, model.Config, ModelFolder.Hash(pairs.Folder));
        var words = new Dictionary<HopPart, float[][]>();
        foreach (HopPart part in (HopPart[])[pairs.Validation, pairs.Test])
        {
            LensReadings read = LensReadings.OfLastTokens(model, source, new LensRequest(source.Layers,
                [.. Enumerable.Range(0, model.Config.Heads)], Words, WithBaseline: false),
                [.. part.Pairs.Select(p => p.Explicit)]);
            words[part] = [.. Enumerable.Range(0, part.Count).Select(i => new Memory(
                [.. read.MostInFavour(i).Words.Top.Select(t => t.Id)], 0, 1f).Vector(model))];
        }
        return (part, i, _) => words[part][i];
    }
}

/// <summary>
/// Directions of a learned lens in the stream: the lens of a layer gives token t the logit <c>&lt;z,
/// B[t]&gt;</c>, so moving z along B[t] raises it most, and attention then writes <c>B[t] W_O</c>.
/// </summary>
sealed class LearnedDirections
{
    readonly float[][] _weights, _proj; // [layers] of [V, C] and [C, C]
    readonly int _width;

    LearnedDirections(float[][] weights, float[][] proj, int width)
        => (_weights, _proj, _width) = (weights, proj, width);

    internal static LearnedDirections Open(string lens, HopPairs pairs)
    {
        ModelConfig config = pairs.Model.Config;
        if (LensSource.Find(lens, config, ModelFolder.Hash(pairs.Folder)).Options.Kind != LensKind.Thin)
            throw new UserException($"{Quoted.Path(lens)}: expected a lens of kind thin");
        using SafetensorsReader reader = SafetensorsReader.Open(Path.Combine(lens, LensFolder.WeightsFile));
        return new([.. Enumerable.Range(0, config.Layers).Select(l =>
        {
            float[] weight = new float[config.VocabSize * config.Width];
            reader.Read($"layers.{l}.weight", weight);
            return weight;
        })], [.. pairs.Model.Weights.Layers.Select(b => b.ProjWeight.ToArray())], config.Width);
    }

    /// <summary>The direction of tokens in what attention of a layer writes, [C].</summary>
    internal float[] Of(int[] tokens, int layer)
    {
        double[] z = new double[_width], x = new double[_width];
        foreach (int token in tokens.Distinct())
            for (int c = 0; c < _width; c++)
                z[c] += _weights[layer][token * _width + c];
        for (int i = 0; i < _width; i++)
            for (int c = 0; c < _width; c++)
                x[c] += z[i] * _proj[layer][i * _width + c];
        return Array.ConvertAll(x, v => (float)v);
    }
}
