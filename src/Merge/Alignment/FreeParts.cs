using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Numbers of a decoder that can be anything because others make up for them: gains and shifts of LayerNorms
/// whose readers follow, key biases, value biases, means of what reads and writes the stream. One model can
/// take another's, and its logits stay as they are.
/// </summary>
static class FreeParts
{
    // Gains whose quotient is further from 1 stay: rounding to float32 would grow with it.
    const double MostRatio = 1e3;

    // A reader's mean is divided by the gains; below this share of the largest one it stays.
    const double LeastGain = 1e-2;

    /// <summary>Gives <paramref name="to"/> the free parts of <paramref name="from"/>, in place.</summary>
    internal static void Copy(DecoderWeights from, DecoderWeights to)
    {
        ModelConfig config = to.Config;
        for (int l = 0; l < config.Layers; l++)
        {
            if (config.Activation == Activation.Relu)
                CopyNeuronScales(from, to, l);
            CopyNorm(from, to, l, Role.Norm1Weight, Role.Norm1Bias, Role.QkvWeight, Role.QkvBias);
            CopyNorm(from, to, l, Role.Norm2Weight, Role.Norm2Bias, Role.MlpInWeight, Role.MlpInBias);
            CopyAttentionBiases(from, to, l);
            foreach (Role writer in (Role[])[Role.ProjWeight, Role.ProjBias, Role.MlpOutWeight,
                Role.MlpOutBias])
                CopyRowMeans(from[writer, l], to[writer, l], config.Width);
        }
        if (config.Architecture.Has(Role.PositionEmbedding))
            CopyRowMeans(from[Role.PositionEmbedding], to[Role.PositionEmbedding], config.Width);
        if (config.TiedHead)
            return; // gain and shift of the final LayerNorm meet the embedding, which has one scale
        CopyRowMeans(from[Role.TokenEmbedding], to[Role.TokenEmbedding], config.Width);
        CopyFinalNorm(from, to);
    }

    // (g n + s) W + b for n of zero mean: g and s are free, and so is the mean of g W over the stream.
    static void CopyNorm(DecoderWeights from, DecoderWeights to, int l, Role gain, Role shift, Role weight,
        Role bias)
    {
        int outputs = to[bias, l].Length;
        var reader = new Reader(RowProducts.Transposed(to[weight, l], outputs), to[bias, l], to[gain, l],
            to[shift, l]);
        reader.Take(from[gain, l], from[shift, l]);
        reader.TakeMeans(RowProducts.Transposed(from[weight, l], outputs), from[gain, l]);
        to.Put(weight, l, RowProducts.Transposed(reader.Rows, reader.Gain.Length));
    }

    static void CopyFinalNorm(DecoderWeights from, DecoderWeights to)
    {
        double[] none = new double[to.Config.VocabSize];
        var reader = new Reader(to[Role.HeadWeight], to.Config.HeadBias ? to[Role.HeadBias] : none,
            to[Role.FinalNormWeight], to[Role.FinalNormBias]);
        // A shift becomes logits of its own; without a bias nothing can hold them, nor the means' part.
        reader.Take(from[Role.FinalNormWeight],
            to.Config.HeadBias ? from[Role.FinalNormBias] : to[Role.FinalNormBias], to.Config.HeadBias);
        if (to.Config.HeadBias)
            reader.TakeMeans(from[Role.HeadWeight], from[Role.FinalNormWeight]);
    }

    // Scores get q b_K for every key alike, which softmax drops. Patterns sum to 1, so b_V adds b_V W_O.
    static void CopyAttentionBiases(DecoderWeights from, DecoderWeights to, int l)
    {
        int C = to.Config.Width;
        double[] bias = to[Role.QkvBias, l], other = from[Role.QkvBias, l];
        double[] output = to[Role.ProjWeight, l], constant = to[Role.ProjBias, l];
        for (int i = 0; i < C; i++)
        {
            bias[C + i] = other[C + i];
            double less = bias[2 * C + i] - other[2 * C + i];
            for (int c = 0; c < C; c++)
                constant[c] += less * output[i * C + c];
            bias[2 * C + i] = other[2 * C + i];
        }
    }

    // relu(c x) = c relu(x) for c > 0: the length of what a neuron reads is free.
    static void CopyNeuronScales(DecoderWeights from, DecoderWeights to, int l)
    {
        int C = to.Config.Width, I = to.Config.Inner;
        double[] wanted = InputLengths(from, l), is_ = InputLengths(to, l);
        double[] weight = to[Role.MlpInWeight, l], bias = to[Role.MlpInBias, l];
        double[] output = to[Role.MlpOutWeight, l];
        for (int i = 0; i < I; i++)
        {
            if (!(is_[i] > 0 && wanted[i] > 0))
                continue;
            double scale = wanted[i] / is_[i];
            bias[i] *= scale;
            for (int c = 0; c < C; c++)
            {
                weight[c * I + i] *= scale;
                output[i * C + c] /= scale;
            }
        }
    }

    static double[] InputLengths(DecoderWeights weights, int l)
    {
        (double[] rows, double[] bias) = Effective(weights, l, Role.Norm2Weight, Role.Norm2Bias,
            Role.MlpInWeight, Role.MlpInBias);
        int C = weights.Config.Width;
        double[] lengths = new double[bias.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            double sum = bias[i] * bias[i];
            for (int c = 0; c < C; c++)
                sum += rows[i * C + c] * rows[i * C + c];
            lengths[i] = Math.Sqrt(sum);
        }
        return lengths;
    }

    /// <summary>What a reader computes of a normalised stream of zero mean: rows [outputs, C], gain folded in
    /// and centred, and biases with the shift's part.</summary>
    internal static (double[] Rows, double[] Bias) Effective(DecoderWeights weights, int l, Role gain,
        Role shift, Role weight, Role bias)
    {
        double[] rows = RowProducts.Transposed(weights[weight, l], weights[bias, l].Length);
        var reader = new Reader(rows, (double[])weights[bias, l].Clone(),
            (double[])weights[gain, l].Clone(), (double[])weights[shift, l].Clone());
        reader.Fold();
        return (reader.Rows, reader.Bias);
    }

    // A number added to all channels of the stream is gone after the next LayerNorm.
    static void CopyRowMeans(double[] from, double[] to, int C)
    {
        for (int start = 0; start < to.Length; start += C)
        {
            double more = 0;
            for (int c = 0; c < C; c++)
                more += (from[start + c] - to[start + c]) / C;
            for (int c = 0; c < C; c++)
                to[start + c] += more;
        }
    }

    // Rows [outputs, C] along the stream behind a LayerNorm; all arrays are changed in place.
    sealed class Reader(double[] rows, double[] bias, double[] gain, double[] shift)
    {
        readonly int C = gain.Length;

        internal double[] Rows => rows;

        internal double[] Bias => bias;

        internal double[] Gain => gain;

        internal void Fold()
        {
            double[] ones = new double[C];
            Array.Fill(ones, 1);
            Take(ones, new double[C]);
            TakeMeans(new double[rows.Length], ones);
        }

        // Another gain and shift, or another gain alone, with which the own shift goes.
        internal void Take(double[] newGain, double[] newShift, bool shifts = true)
        {
            for (int o = 0; o < bias.Length && shifts; o++)
                for (int c = 0; c < C; c++)
                    bias[o] += shift[c] * rows[o * C + c];
            for (int c = 0; c < C; c++)
            {
                double ratio = gain[c] / newGain[c];
                // To fold, newGain is 1 and a small gain makes a small row.
                if (!(Math.Abs(ratio) <= MostRatio
                    && (Math.Abs(ratio) >= 1 / MostRatio || (shifts && newGain[c] == 1))))
                    continue;
                for (int o = 0; o < bias.Length; o++)
                    rows[o * C + c] *= ratio;
                gain[c] = newGain[c];
                if (!shifts)
                    shift[c] /= ratio;
            }
            if (!shifts)
                return;
            newShift.CopyTo(shift, 0);
            for (int o = 0; o < bias.Length; o++)
                for (int c = 0; c < C; c++)
                    bias[o] -= shift[c] * rows[o * C + c];
        }

        internal void TakeMeans(double[] other, double[] otherGain)
        {
            double most = 0, least = double.MaxValue;
            foreach (double g in gain)
                (most, least) = (Math.Max(most, Math.Abs(g)), Math.Min(least, Math.Abs(g)));
            if (!(least >= LeastGain * most && least > 0))
                return;
            for (int o = 0; o < bias.Length; o++)
            {
                double more = 0;
                for (int c = 0; c < C; c++)
                    more += (other[o * C + c] * otherGain[c] - rows[o * C + c] * gain[c]) / C;
                for (int c = 0; c < C; c++)
                {
                    rows[o * C + c] += more / gain[c];
                    bias[o] -= shift[c] * more / gain[c];
                }
            }
        }
    }
}
