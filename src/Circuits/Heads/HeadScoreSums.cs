namespace HeadTap.Circuits;

/// <summary>Sums from which the scores of one head are made; in float64, in the order of the text.</summary>
sealed class HeadScoreSums
{
    // Attention that is less is not counted by HeadVis.
    const float LeastInduction = 0.01f;

    double _self, _previous, _first, _entropy, _distance, _squares, _induction, _prefix, _duplicate, _norm;

    /// <summary>Adds what the head does in a window.</summary>
    internal void Add(TokenRepeats tokens, in HeadView head)
    {
        for (int q = 0; q < head.Length; q++)
        {
            ReadOnlySpan<float> row = head.Row(q);
            _self += row[q];
            if (q > 0)
            {
                _previous += row[q - 1];
                _first += row[0];
            }
            AddRow(row);
            foreach (int j in tokens.Earlier(q))
            {
                _duplicate += row[j];
                _prefix += row[j + 1];
                _induction += row[j + 1] < LeastInduction ? 0 : row[j + 1];
            }
        }
    }

    /// <summary>Adds the length of what the head writes at a position.</summary>
    internal void AddNorm(double norm) => _norm += norm;

    /// <summary>Returns the scores.</summary>
    internal HeadScores Scores(int layer, int head, in HeadQueries over)
    {
        double distance = _distance / over.Queries;
        return new HeadScores
        {
            Layer = layer,
            Head = head,
            SelfAttentionScore = _self / over.Queries,
            PrevTokenScore = _previous / over.Later,
            PatternEntropy = _entropy / over.Queries,
            QkDistance = distance,
            QkDistanceVariance = Math.Max(0, _squares / over.Queries - distance * distance),
            InductionScore = _induction / over.Repeated,
            PrefixMatchingScore = _prefix / over.Repeated,
            DuplicateTokenScore = _duplicate / over.Repeated,
            BeginOfTextScore = _first / over.Later,
            PreviousTokenShare = _previous / over.Queries,
            DuplicateTokenShare = _duplicate / over.Queries,
            InductionShare = _prefix / over.Queries,
            ResultNorm = _norm / over.Later,
        };
    }

    void AddRow(ReadOnlySpan<float> row)
    {
        double entropy = 0, distance = 0, squares = 0;
        for (int k = 0; k < row.Length; k++)
        {
            double p = row[k], far = row.Length - 1 - k;
            entropy -= p == 0 ? 0 : p * Math.Log(p); // 0 ln 0 is 0; NaN stays NaN
            distance += p * far;
            squares += p * far * far;
        }
        _entropy += entropy;
        _distance += distance;
        _squares += squares;
    }
}
