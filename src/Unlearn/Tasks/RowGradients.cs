using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Computes losses of rows and their gradients for chosen parameters, in passes of bounded size. A row's loss
/// l is the mean next-token cross-entropy over its positions.
/// </summary>
sealed class RowGradients : IDisposable
{
    const int TokensInPass = 8192;

    readonly LanguageModel _model;
    readonly ModelSession _session;
    readonly int _rowsInPass;

    /// <param name="model">Model; its weights are read at every call.</param>
    /// <param name="trained">Names of the parameters that get gradients.</param>
    /// <param name="longest">Number of tokens of the longest row.</param>
    /// <param name="record">Sites that every pass records; null for none.</param>
    internal RowGradients(LanguageModel model, IReadOnlySet<string> trained, int longest,
        IReadOnlyList<Site>? record = null)
    {
        _model = model;
        _rowsInPass = Math.Max(1, TokensInPass / longest);
        Gradients = ParameterGradients.Create(model, trained);
        _session = new ModelSession(model, new SessionOptions
        {
            MaxRows = _rowsInPass, MaxTokens = longest, Backward = true, Record = record ?? [],
        });
    }

    /// <summary>The model whose weights are read.</summary>
    internal LanguageModel Model => _model;

    /// <summary>Number of rows in a pass.</summary>
    internal int RowsInPass => _rowsInPass;

    /// <summary>The gradients that calls add into.</summary>
    internal ParameterGradients Gradients { get; }

    /// <summary>The session that runs the passes; for other losses.</summary>
    internal ModelSession Session => _session;

    /// <summary>Sets the gradients to zero.</summary>
    internal void Clear() => Gradients.Clear(_model.Ops);

    /// <summary>
    /// Adds the gradient of the mean loss over all positions of all rows, times <paramref name="scale"/>.
    /// </summary>
    /// <returns>The mean loss in nats, without <paramref name="scale"/>.</returns>
    internal double AddMean(IReadOnlyList<int[]> rows, double scale = 1)
    {
        long tokens = rows.Sum(r => r.Length - 1L);
        double sum = 0;
        foreach (int[][] pass in rows.Chunk(_rowsInPass))
        {
            var batch = new SequenceBatch([.. pass]);
            sum += _session.ForwardBackward(
                batch, batch.NextTokens(), Gradients, (float)(scale / tokens)).Sum;
        }
        return sum / tokens;
    }

    /// <summary>Adds the gradient of <c>sum_r factor(r) l_r</c>, with l_r the mean loss of row r.</summary>
    /// <returns>The sum, nats.</returns>
    internal double AddWeighed(IReadOnlyList<int[]> rows, Func<int, double> factor)
    {
        double sum = 0;
        for (int first = 0; first < rows.Count; first += _rowsInPass)
        {
            var batch = new SequenceBatch([.. rows.Skip(first).Take(_rowsInPass)]);
            double[] weights = [.. batch.Lengths.Select((n, b) => factor(first + b) / (n - 1))];
            float[] positions = [.. Enumerable.Range(0, batch.B * batch.T)
                .Select(i => (float)weights[i / batch.T])];
            float[] losses =
                _session.ForwardBackward(batch, batch.NextTokens(), positions, Gradients);
            for (int i = 0; i < losses.Length; i++)
                sum += weights[i / batch.T] * losses[i];
        }
        return sum;
    }

    /// <summary>Returns each row's mean loss, nats; adds no gradient.</summary>
    internal double[] RowLosses(IReadOnlyList<int[]> rows)
    {
        var losses = new List<double>();
        foreach (int[][] pass in rows.Chunk(_rowsInPass))
        {
            var batch = new SequenceBatch([.. pass]);
            float[] positions = _session.TokenLosses(batch, batch.NextTokens());
            losses.AddRange(positions.Chunk(batch.T).Select((row, b) =>
                row.Sum(loss => (double)loss) / (batch.Lengths[b] - 1)));
        }
        return [.. losses];
    }

    /// <summary>Returns the sum of each row's losses over its positions, nats; adds no gradient.</summary>
    internal double[] Sums(IReadOnlyList<int[]> rows)
        => [.. RowLosses(rows).Select((loss, r) => loss * (rows[r].Length - 1))];

    /// <summary>Returns the mean loss over all positions of all rows, nats; adds no gradient.</summary>
    internal double Mean(IReadOnlyList<int[]> rows)
    {
        double sum = 0;
        long tokens = 0;
        foreach (int[][] pass in rows.Chunk(_rowsInPass))
        {
            var batch = new SequenceBatch([.. pass]);
            long counted = pass.Sum(r => r.Length - 1L);
            sum += _session.Loss(batch, batch.NextTokens()) * counted;
            tokens += counted;
        }
        return sum / tokens;
    }

    public void Dispose()
    {
        _session.Dispose();
        Gradients.Dispose();
    }
}
