using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Direct logit attribution: a logit after a prompt as the sum of what embedding, heads, feed-forward blocks
/// and biases add to it, with the final LayerNorm's scale frozen (<see cref="FrozenHead"/>). Nothing is
/// centred over the vocabulary, so the parts sum to the logit.
/// </summary>
/// <param name="Logit">The model's own logit of the answer, less that of the wrong answer if there is
/// one.</param>
/// <param name="Parts">Summands, in the order of the forward pass.</param>
public sealed record DirectAttribution(double Logit, IReadOnlyList<LogitPart> Parts)
{
    /// <summary>Sum of the parts; the logit up to rounding.</summary>
    public double Sum => Parts.Sum(p => p.Value);

    /// <summary>Runs a model on a prompt and splits a logit after its last token.</summary>
    /// <param name="model">The model, without edits.</param>
    /// <param name="prompt">[T] token ids.</param>
    /// <param name="answer">Token whose logit is split.</param>
    /// <param name="wrong">Token whose logit is subtracted; null for none.</param>
    /// <param name="neurons">Block whose neurons are listed one by one, and how many of them, the largest
    /// parts first; null for none.</param>
    /// <exception cref="InvalidOperationException">An edit is attached.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token, block or number does not exist.</exception>
    /// <exception cref="UserException">The prompt does not fit the model.</exception>
    public static DirectAttribution Read(LanguageModel model, IReadOnlyList<int> prompt, int answer,
        int? wrong = null, (int Layer, int Count)? neurons = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        if (model.Edits.Count > 0)
            throw new InvalidOperationException("What an edit adds would be no part.");
        ModelConfig config = model.Config;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)answer, (uint)config.VocabSize);
        if (wrong is { } other)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)other, (uint)config.VocabSize);
        if (neurons is { } few)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)few.Layer, (uint)config.Layers);
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(few.Count);
        }
        float[] logits = Logits(model, prompt);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = prompt.Count, Record = [.. Sites(config, neurons?.Layer)],
        });
        session.Forward(new SequenceBatch([prompt]));
        double logit = wrong is { } w ? (double)logits[answer] - logits[w] : logits[answer];
        return new DirectAttribution(logit,
            new Splitting(model, session, prompt.Count - 1, answer, wrong).Parts(neurons));
    }

    // Of a pass that records nothing: one that records results adds the heads in another order.
    static float[] Logits(LanguageModel model, IReadOnlyList<int> prompt)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count), Logits = LogitsAt.Last,
        });
        session.Forward(new SequenceBatch([prompt]));
        return session.Logits.ToArray();
    }

    static IEnumerable<Site> Sites(ModelConfig config, int? neuronLayer)
    {
        yield return Site.Embed;
        if (config.Architecture.Has(Role.PositionEmbedding))
            yield return Site.PosEmbed;
        for (int l = 0; l < config.Layers; l++)
        {
            yield return Site.Result(l);
            yield return Site.MlpOut(l);
            if (l == neuronLayer)
                yield return Site.MlpPost(l);
        }
        yield return Site.LnFinalScale;
    }

    // What a session recorded at one position, and the direction that each summand of the stream is read by.
    sealed class Splitting(LanguageModel model, ModelSession session, int position, int answer, int? wrong)
    {
        readonly NamedWeights<Tensor> _weights = model.Weights;
        readonly FrozenHead _head = new(model);
        readonly int C = model.Config.Width, H = model.Config.Heads;

        internal IReadOnlyList<LogitPart> Parts((int Layer, int Count)? neurons)
        {
            double[] unembed = _head.Unembedding(answer, wrong); // [C]
            double[] direction = Direction(unembed);
            var parts = new List<LogitPart>
            {
                new(LogitPartKind.Embed, null, null, FrozenHead.Product(At(Site.Embed), direction)),
            };
            if (model.Config.Architecture.Has(Role.PositionEmbedding))
                parts.Add(new(LogitPartKind.PosEmbed, null, null,
                    FrozenHead.Product(At(Site.PosEmbed), direction)));
            for (int l = 0; l < model.Config.Layers; l++)
            {
                float[] heads = At(Site.Result(l));
                for (int h = 0; h < H; h++)
                    parts.Add(new(LogitPartKind.Head, l, h,
                        FrozenHead.Product(heads.AsSpan(h * C, C), direction)));
                parts.Add(new(LogitPartKind.AttnBias, l, null,
                    FrozenHead.Product(_weights.Layers[l].ProjBias.ToArray(), direction)));
                double bias = FrozenHead.Product(_weights.Layers[l].MlpOutBias.ToArray(), direction);
                double written = FrozenHead.Product(At(Site.MlpOut(l)), direction) - bias;
                if (neurons?.Layer == l)
                    parts.AddRange(Neurons(l, neurons.Value.Count, written, direction));
                else
                    parts.Add(new(LogitPartKind.Mlp, l, null, written));
                parts.Add(new(LogitPartKind.MlpBias, l, null, bias));
            }
            parts.Add(new(LogitPartKind.FinalNormBias, null, null, _head.Shift(unembed)));
            if (_weights.HeadBias is not null)
                parts.Add(new(LogitPartKind.UnembedBias, null, null, _head.Bias(answer, wrong)));
            return parts;
        }

        // Neuron i writes post[i] W_out[i, :].
        IEnumerable<LogitPart> Neurons(int l, int count, double written, double[] direction)
        {
            float[] post = At(Site.MlpPost(l)), matrix = _weights.Layers[l].MlpOutWeight.ToArray();
            double[] values = [.. post.Select((a, i)
                => a * FrozenHead.Product(matrix.AsSpan(i * C, C), direction))];
            int[] largest = [.. Enumerable.Range(0, values.Length)
                .OrderByDescending(i => Math.Abs(values[i])).Take(count)];
            foreach (int i in largest)
                yield return new(LogitPartKind.Neuron, l, i, values[i]);
            if (largest.Length < values.Length)
                yield return new(LogitPartKind.OtherNeurons, l, null,
                    written - largest.Sum(i => values[i]));
        }

        // By which a summand's product is what it adds.
        double[] Direction(double[] unembedding)
        {
            double scale = session.Recordings[Site.LnFinalScale].ToArray()[position];
            return [.. _head.Direction(unembedding).Select(v => v / scale)];
        }

        float[] At(Site site)
        {
            float[] all = session.Recordings[site].ToArray();
            int width = all.Length / (position + 1); // the position is the last
            return all[(position * width)..];
        }
    }
}
