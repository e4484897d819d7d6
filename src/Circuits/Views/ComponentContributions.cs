using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Which part of the model a summand of the final stream comes from.</summary>
public enum ComponentKind
{
    /// <summary>Token embedding.</summary>
    Embedding,

    /// <summary>Position embedding.</summary>
    Position,

    /// <summary>An attention head.</summary>
    Head,

    /// <summary>Bias of an attention layer's projection.</summary>
    AttentionBias,

    /// <summary>A feed-forward block, with its bias.</summary>
    FeedForward,

    /// <summary>Shift of the final LayerNorm, and the head's bias where there is one.</summary>
    FinalBias,
}

/// <summary>A summand of the logits.</summary>
/// <param name="Kind">Which part of the model.</param>
/// <param name="Layer">Layer, from 0; 0 outside the blocks.</param>
/// <param name="Head">Head, from 0; -1 for what is no head.</param>
public readonly record struct Component(ComponentKind Kind, int Layer = 0, int Head = -1);

/// <summary>
/// What every component adds to the logits of chosen tokens, at every position of a prompt.
/// </summary>
/// <remarks>
/// The stream is the sum of what the components write, and with the scale of the final LayerNorm frozen a
/// logit is linear in it (<see cref="FrozenHead"/>), so their contributions add up to the logit.
/// </remarks>
/// <param name="Components">[P]: the summands, in the order of a forward pass.</param>
/// <param name="Tokens">[K]: the chosen tokens.</param>
/// <param name="Values">[T, P, K]: nats.</param>
public sealed record ComponentContributions(
    IReadOnlyList<Component> Components, IReadOnlyList<int> Tokens, double[] Values)
{
    /// <summary>The sites that must be recorded.</summary>
    public static IEnumerable<Site> Sites(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Site.All(config).Where(site => site.Kind is SiteKind.Embed or SiteKind.PosEmbed or SiteKind.Z
            or SiteKind.MlpOut or SiteKind.LnFinalScale);
    }

    /// <summary>The summands of a model's logits, in the order of a forward pass.</summary>
    public static IReadOnlyList<Component> Of(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var all = new List<Component> { new(ComponentKind.Embedding) };
        if (config.Architecture.Has(Role.PositionEmbedding))
            all.Add(new(ComponentKind.Position));
        for (int l = 0; l < config.Layers; l++)
        {
            for (int h = 0; h < config.Heads; h++)
                all.Add(new(ComponentKind.Head, l, h));
            all.Add(new(ComponentKind.AttentionBias, l));
            all.Add(new(ComponentKind.FeedForward, l));
        }
        all.Add(new(ComponentKind.FinalBias));
        return all;
    }

    /// <summary>Computes them for a prompt, in float64 from the recorded float32 values.</summary>
    /// <param name="model">The model.</param>
    /// <param name="recorded">Recordings of <see cref="Sites"/> for a batch of one row.</param>
    /// <param name="tokens">The tokens whose logits are split.</param>
    /// <exception cref="UserException">A token is outside the vocabulary.</exception>
    public static ComponentContributions Read(LanguageModel model,
        IReadOnlyDictionary<Site, Recording> recorded, IReadOnlyList<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(recorded);
        ArgumentNullException.ThrowIfNull(tokens);
        ModelConfig config = model.Config;
        foreach (int token in tokens)
            if (token < 0 || token >= config.VocabSize)
                throw new UserException(
                    $"token {token} is outside the vocabulary of {config.VocabSize}");
        IReadOnlyList<Component> components = Of(config);
        float[] scale = recorded[new Site(SiteKind.LnFinalScale)].ToArray();
        int T = scale.Length, P = components.Count, K = tokens.Count, C = config.Width;
        var head = new FrozenHead(model);
        double[][] unembeddings = [.. tokens.Select(token => head.Unembedding(token))];
        double[][] directions = [.. unembeddings.Select(head.Direction)];
        double[] constants = [.. tokens.Select((token, k) => head.Shift(unembeddings[k]) + head.Bias(token))];
        var values = new double[T * P * K];
        for (int p = 0; p < P; p++)
        {
            Component part = components[p];
            if (part.Kind == ComponentKind.FinalBias)
            {
                Each(T, K, (t, k) => values[(t * P + p) * K + k] = constants[k]);
                continue;
            }
            (float[] rows, double[][] along, int width, int first, int stride) =
                Summand(model, recorded, part, directions);
            Each(T, K, (t, k) => values[(t * P + p) * K + k] =
                FrozenHead.Product(rows.AsSpan(t * stride + first, width), along[k]) / scale[t]);
        }
        return new ComponentContributions(components, tokens, values);
    }

    // The recorded rows that hold a component's output, and the directions to take their products with. A
    // head's are those through its W_O, so z serves and the results [T, H, C] are never made.
    static (float[] Rows, double[][] Along, int Width, int First, int Stride) Summand(LanguageModel model,
        IReadOnlyDictionary<Site, Recording> recorded, Component part, double[][] directions)
    {
        int C = model.Config.Width, D = C / model.Config.Heads;
        if (part.Kind == ComponentKind.Head)
        {
            float[] projection = new float[D * C];
            model.Weights.Layers[part.Layer].ProjWeight.SliceRows(part.Head * D, D).Download(projection);
            double[][] through = [.. directions.Select(w => (double[])[.. Enumerable.Range(0, D)
                .Select(d => FrozenHead.Product(projection.AsSpan(d * C, C), w))])];
            return (recorded[new Site(SiteKind.Z, part.Layer)].ToArray(), through, D, part.Head * D, C);
        }
        if (part.Kind == ComponentKind.AttentionBias)
            return (model.Weights.Layers[part.Layer].ProjBias.ToArray(), directions, C, 0, 0);
        Site site = part.Kind switch
        {
            ComponentKind.Embedding => new Site(SiteKind.Embed),
            ComponentKind.Position => new Site(SiteKind.PosEmbed),
            _ => new Site(SiteKind.MlpOut, part.Layer),
        };
        return (recorded[site].ToArray(), directions, C, 0, C);
    }

    static void Each(int T, int K, Action<int, int> run)
    {
        for (int t = 0; t < T; t++)
            for (int k = 0; k < K; k++)
                run(t, k);
    }
}
