using HeadTap.Models;
using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// A block in the form in which two models are compared: LayerNorms folded into what reads, everything
/// centred over the stream, biases without what cannot be seen, heads by their balanced factors. All rows lie
/// along the stream.
/// </summary>
sealed class ComparedBlock
{
    readonly int C, D;

    /// <summary>Reads a block.</summary>
    internal ComparedBlock(DecoderWeights weights, int l)
    {
        (C, D) = (weights.Config.Width, weights.Config.HeadWidth);
        (NeuronInputs, NeuronBias) = FreeParts.Effective(weights, l, Role.Norm2Weight, Role.Norm2Bias,
            Role.MlpInWeight, Role.MlpInBias);
        NeuronOutputs = Centred(weights[Role.MlpOutWeight, l], C);
        if (weights.Config.Activation == Activation.Relu)
            BalanceNeurons();
        (double[] readers, double[] bias) = FreeParts.Effective(weights, l, Role.Norm1Weight, Role.Norm1Bias,
            Role.QkvWeight, Role.QkvBias); // [3C, C]
        HeadOutputs = Centred(weights[Role.ProjWeight, l], C);
        double[] constant = (double[])weights[Role.ProjBias, l].Clone();
        for (int i = 0; i < C; i++)
            for (int c = 0; c < C; c++)
                constant[c] += bias[2 * C + i] * weights[Role.ProjWeight, l][i * C + c];
        Constants = [.. Centred(constant, C), .. Centred(weights[Role.MlpOutBias, l], C)];
        QueryKey = new HeadFactors[weights.Config.Heads];
        ValueOutput = new HeadFactors[weights.Config.Heads];
        HostParallel.For(weights.Config.Heads, h =>
        {
            Matrix<double> Of(int which) => Rotation.Dense(readers.AsSpan((which * C + h * D) * C, D * C), C);
            Matrix<double> query = Of(0).Transpose().InsertRow(C, Vector<double>.Build.DenseOfArray(
                bias.AsSpan(h * D, D).ToArray()));
            QueryKey[h] = HeadFactors.Of(query, Of(1));
            ValueOutput[h] = HeadFactors.Of(Of(2).Transpose(),
                Rotation.Dense(HeadOutputs.AsSpan(h * D * C, D * C), C));
        });
    }

    ComparedBlock(ComparedBlock from, StreamMap stream)
    {
        (C, D) = (from.C, from.D);
        (NeuronInputs, NeuronBias) = (stream.Of(from.NeuronInputs), from.NeuronBias);
        NeuronOutputs = stream.Of(from.NeuronOutputs);
        HeadOutputs = stream.Of(from.HeadOutputs);
        Constants = stream.Of(from.Constants);
        QueryKey = Array.ConvertAll(from.QueryKey, f => f.In(stream, C));
        ValueOutput = Array.ConvertAll(from.ValueOutput, f => f.In(stream, C));
    }

    /// <summary>[I, C]: what each neuron reads.</summary>
    internal double[] NeuronInputs { get; }

    /// <summary>[I]</summary>
    internal double[] NeuronBias { get; }

    /// <summary>[I, C]: what each neuron writes.</summary>
    internal double[] NeuronOutputs { get; }

    /// <summary>[C, C]: W_O, head h in rows hD to (h+1)D.</summary>
    internal double[] HeadOutputs { get; }

    /// <summary>[2, C]: the constants that attention and feed-forward add, value biases with them.</summary>
    internal double[] Constants { get; }

    /// <summary>[H]: factors of <c>[W_Q; b_Q] W_K^T</c>; the bias is the number after the stream's.</summary>
    internal HeadFactors[] QueryKey { get; }

    /// <summary>[H]: factors of <c>W_V W_O</c>.</summary>
    internal HeadFactors[] ValueOutput { get; }

    /// <summary>The block in other axes of the stream.</summary>
    internal ComparedBlock In(StreamMap stream) => new(this, stream);

    /// <summary>Rows [*, C], each less its mean.</summary>
    internal static double[] Centred(double[] rows, int C)
    {
        double[] centred = (double[])rows.Clone();
        for (int start = 0; start < rows.Length; start += C)
        {
            double mean = 0;
            for (int c = 0; c < C; c++)
                mean += rows[start + c] / C;
            for (int c = 0; c < C; c++)
                centred[start + c] -= mean;
        }
        return centred;
    }

    // A neuron of a ReLU has a free scale: here reading and writing weigh the same.
    void BalanceNeurons()
    {
        for (int i = 0; i < NeuronBias.Length; i++)
        {
            Span<double> input = NeuronInputs.AsSpan(i * C, C), output = NeuronOutputs.AsSpan(i * C, C);
            double squares = NeuronBias[i] * NeuronBias[i], written = 0;
            for (int c = 0; c < C; c++)
                (squares, written) = (squares + input[c] * input[c], written + output[c] * output[c]);
            if (!(squares > 0 && written > 0))
                continue;
            double scale = Math.Pow(written / squares, 0.25);
            NeuronBias[i] *= scale;
            for (int c = 0; c < C; c++)
                (input[c], output[c]) = (input[c] * scale, output[c] / scale);
        }
    }
}
