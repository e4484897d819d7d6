using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>A model in the form in which two are compared (<see cref="ComparedBlock"/>).</summary>
sealed class ComparedModel
{
    ComparedModel(double[] shared, IReadOnlyList<ComparedBlock> blocks)
        => (Shared, Blocks) = (shared, blocks);

    /// <summary>Rows [*, C] that mean the same in both models whatever the axes: a token, a position, a
    /// constant of a block.</summary>
    internal double[] Shared { get; }

    /// <summary>The blocks.</summary>
    internal IReadOnlyList<ComparedBlock> Blocks { get; }

    /// <summary>Reads a model.</summary>
    internal static ComparedModel Of(DecoderWeights weights)
    {
        ModelConfig config = weights.Config;
        int C = config.Width;
        ComparedBlock[] blocks = [.. Enumerable.Range(0, config.Layers)
            .Select(l => new ComparedBlock(weights, l))];
        List<double[]> shared = [];
        if (config.Architecture.Has(Role.PositionEmbedding))
            shared.Add(ComparedBlock.Centred(weights[Role.PositionEmbedding], C));
        shared.AddRange(blocks.Select(b => b.Constants));
        if (config.TiedHead)
            // Its mean is seen by the head, and the final LayerNorm cannot be folded into it.
            shared.AddRange([weights[Role.TokenEmbedding], weights[Role.FinalNormWeight],
                weights[Role.FinalNormBias]]);
        else
        {
            shared.Add(ComparedBlock.Centred(weights[Role.TokenEmbedding], C));
            double[] head = (double[])weights[Role.HeadWeight].Clone(), gain = weights[Role.FinalNormWeight];
            for (int i = 0; i < head.Length; i++)
                head[i] *= gain[i % C];
            shared.Add(ComparedBlock.Centred(head, C));
        }
        return new ComparedModel([.. shared.SelectMany(rows => rows)], blocks);
    }

    /// <summary>The model in other axes of the stream.</summary>
    internal ComparedModel In(StreamMap stream)
        => new(stream.Of(Shared), [.. Blocks.Select(b => b.In(stream))]);
}
