using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// Weight matching (Ainsworth et al. 2022, Git Re-Basin, algorithm 1): coordinate descent over the symmetries
/// of a decoder that makes the similarity <c>sum_t &lt;A_t, B_t&gt;</c> of two models largest, a group at a
/// time, each at its optimum.
/// </summary>
/// <remarks>
/// The models are compared as <see cref="ComparedModel"/> says. The stream comes first, by what is shared
/// (tokens, positions, constants), so a scrambled model does not begin in a wrong corner.
/// </remarks>
sealed class WeightMatching
{
    readonly ComparedModel _a, _b;
    readonly AlignmentOptions _options;
    readonly int C, I;
    readonly HeadMatch[] _heads;
    readonly int[][] _neurons;
    ComparedModel _turned; // B in the stream's axes so far
    StreamMap? _stream;

    WeightMatching(DecoderWeights a, DecoderWeights b, AlignmentOptions options)
    {
        (C, I) = (a.Config.Width, a.Config.Inner);
        (_a, _b, _options) = (ComparedModel.Of(a), ComparedModel.Of(b), options);
        _turned = _b;
        _heads = new HeadMatch[a.Config.Layers];
        _neurons = new int[a.Config.Layers][];
    }

    /// <summary>What brings B into A's order.</summary>
    /// <param name="a">The model that stays.</param>
    /// <param name="b">The model that will be moved.</param>
    /// <param name="options">How.</param>
    /// <param name="rounds">Told the round and the similarity after it.</param>
    internal static DecoderSymmetry Match(DecoderWeights a, DecoderWeights b, AlignmentOptions options,
        Action<int, double>? rounds = null)
    {
        var matching = new WeightMatching(a, b, options);
        matching.Run(rounds);
        return new DecoderSymmetry(matching._stream, [.. matching._heads.Select((heads, l) =>
            heads.With(matching._neurons[l], matching._a.Blocks[l], matching._b.Blocks[l]))]);
    }

    void Run(Action<int, double>? rounds)
    {
        if (_options.Stream != StreamAlignment.None)
            MatchStream(blocks: false);
        double before = double.NegativeInfinity;
        for (int round = 1; round <= _options.MostRounds; round++)
        {
            double inside = 0;
            for (int l = 0; l < _heads.Length; l++)
                inside += MatchBlock(l);
            double total = _options.Stream == StreamAlignment.None ? inside : MatchStream(blocks: true);
            rounds?.Invoke(round, total);
            if (!(total - before > _options.LeastGain * Math.Abs(total)))
                return;
            before = total;
        }
    }

    double MatchBlock(int l)
    {
        ComparedBlock a = _a.Blocks[l], b = _turned.Blocks[l];
        _heads[l] = HeadMatch.Of(a, b);
        double[] gain = NeuronSimilarity(a, b);
        _neurons[l] = Assignment.Largest(gain, I);
        return _heads[l].Fits.Sum(f => f.Value)
            + _neurons[l].Select((j, i) => gain[i * I + j]).Sum();
    }

    /// <summary>[I, I]: what neurons of two blocks read and write, compared.</summary>
    internal static double[] NeuronSimilarity(ComparedBlock a, ComparedBlock b)
    {
        int I = a.NeuronBias.Length, C = a.NeuronInputs.Length / I;
        double[] gain = RowProducts.OfRows(a.NeuronInputs, b.NeuronInputs, C);
        double[] outputs = RowProducts.OfRows(a.NeuronOutputs, b.NeuronOutputs, C);
        for (int i = 0; i < gain.Length; i++)
            gain[i] += outputs[i] + a.NeuronBias[i / I] * b.NeuronBias[i % I];
        return gain;
    }

    // S [C, C] of A's and B's channels, over all rows that the models share or that are matched by now. The
    // value returned leaves out the biases of neurons and queries, which no axis of the stream changes.
    double MatchStream(bool blocks)
    {
        double[] similarity = new double[C * C];
        RowProducts.AddOfColumns(_a.Shared, _b.Shared, C, C, similarity);
        for (int l = 0; l < _heads.Length && blocks; l++)
            AddBlock(l, similarity);
        if (_options.Stream == StreamAlignment.Rotation)
        {
            Matrix<double> s = Rotation.Dense(similarity, C); // A^T B
            Matrix<double> r = Rotation.NearestThatKeepsMean(s.Transpose());
            Use(new StreamRotation(r));
            return (s * r).Trace();
        }
        int[] order = Assignment.Largest(similarity, C);
        Use(new StreamOrder(order));
        return order.Select((b, a) => similarity[a * C + b]).Sum();
    }

    void AddBlock(int l, double[] similarity)
    {
        ComparedBlock a = _a.Blocks[l], b = _b.Blocks[l];
        RowProducts.AddOfColumns(a.NeuronInputs, BlockSymmetry.Rows(b.NeuronInputs, C, _neurons[l]), C, C,
            similarity);
        RowProducts.AddOfColumns(a.NeuronOutputs, BlockSymmetry.Rows(b.NeuronOutputs, C, _neurons[l]), C, C,
            similarity);
        for (int h = 0; h < _heads[l].Order.Length; h++)
        {
            HeadFit fit = _heads[l].Fits[h];
            int of = _heads[l].Order[h];
            AddHead(a.QueryKey[h], b.QueryKey[of], fit.QueryKey, similarity);
            AddHead(a.ValueOutput[h], b.ValueOutput[of], fit.ValueOutput, similarity);
        }
    }

    void AddHead(HeadFactors a, HeadFactors b, Matrix<double> q, double[] similarity)
    {
        foreach ((Matrix<double> x, Matrix<double> y) in
            ((Matrix<double>, Matrix<double>)[])[(a.Left, b.Left), (a.Right, b.Right)])
            RowProducts.AddOfColumns(Stream(x), Stream(q.TransposeThisAndMultiply(y)), C, C, similarity);
    }

    // A query's bias follows the stream's numbers, and has no axis.
    double[] Stream(Matrix<double> rows)
        => rows.SubMatrix(0, rows.RowCount, 0, C).ToRowMajorArray();

    void Use(StreamMap stream) => (_stream, _turned) = (stream, _b.In(stream));
}
