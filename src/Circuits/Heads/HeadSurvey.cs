using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>What is wanted of a survey.</summary>
public sealed record HeadSurveyOptions
{
    /// <summary>Sizes of the passes.</summary>
    public required HeadPassOptions Pass { get; init; }

    /// <summary>Examples that are kept for each head.</summary>
    public int Examples { get; init; } = 5;

    /// <summary>Keys of an example at most.</summary>
    public int Keys { get; init; } = 8;

    /// <summary>Attention that a key of an example must have.</summary>
    public float LeastAttention { get; init; } = 0.005f;
}

/// <summary>The scores of every head over a text, where each is most active, and its mean z.</summary>
/// <param name="Scores">[L H]: scores of each head.</param>
/// <param name="Examples">[L H]: where the head writes most, one place a window; largest norm first.</param>
/// <param name="MeanZ">[L][H D]: mean of z over all tokens of the text, in each layer.</param>
/// <param name="Windows">Number of windows.</param>
/// <param name="Tokens">Number of tokens in them.</param>
/// <param name="RepeatedTokens">Number of tokens that occur before in their window.</param>
public sealed record HeadSurvey(IReadOnlyList<HeadScores> Scores,
    IReadOnlyList<IReadOnlyList<HeadExample>> Examples, IReadOnlyList<float[]> MeanZ,
    int Windows, long Tokens, long RepeatedTokens)
{
    /// <summary>Runs a text through a model and looks at every head.</summary>
    /// <param name="model">The model; attached edits apply.</param>
    /// <param name="windows">Token ids of each window, at least two; may be asked for several times.</param>
    /// <param name="options">What is wanted.</param>
    /// <param name="progress">Told the number of windows done and the number of rounds of them.</param>
    /// <exception cref="UserException">There is no window, one has fewer than two tokens, or one does not
    /// fit the model.</exception>
    public static HeadSurvey Run(LanguageModel model, IEnumerable<int[]> windows, HeadSurveyOptions options,
        Action<long, int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(windows);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Examples);
        var observer = new Observer(model, options);
        HeadPass.Run(model, windows, options.Pass, observer, progress);
        return observer.Result();
    }

    sealed class Observer(LanguageModel model, HeadSurveyOptions options) : IHeadObserver
    {
        readonly ModelConfig _config = model.Config;
        readonly ResultNorms _norms = new(model);
        readonly HeadScoreSums[] _sums =
            [.. Enumerable.Range(0, model.Config.Layers * model.Config.Heads)
                .Select(_ => new HeadScoreSums())];
        readonly HeadExamples[] _examples =
            [.. Enumerable.Range(0, model.Config.Layers * model.Config.Heads)
                .Select(_ => new HeadExamples(options.Examples))];
        readonly double[][] _z =
            [.. Enumerable.Range(0, model.Config.Layers).Select(_ => new double[model.Config.Width])];
        HeadQueries _over; // of the first head alone: all see the same text
        int _windows;

        public void See(int layer, int head, int window, TokenRepeats tokens, in HeadView view)
        {
            if (layer == 0 && head == 0)
            {
                _windows++;
                _over = new(_over.Queries + view.Length, _over.Later + view.Length - 1,
                    _over.Repeated + tokens.RepeatedQueries);
            }
            int index = layer * _config.Heads + head;
            _sums[index].Add(tokens, view);
            (int best, double most) = (1, double.NegativeInfinity);
            Span<double> mean = _z[layer].AsSpan(head * _config.HeadWidth, _config.HeadWidth);
            for (int t = 0; t < view.Length; t++)
            {
                ReadOnlySpan<float> z = view.Z(t);
                for (int d = 0; d < mean.Length; d++)
                    mean[d] += z[d];
                if (t == 0)
                    continue; // the first token sees itself alone, whatever the head does
                double norm = _norms.Of(layer, head, z);
                _sums[index].AddNorm(norm);
                if (norm > most)
                    (best, most) = (t, norm);
            }
            if (!_examples[index].Takes(most))
                return;
            var keys = new List<AttendedKey>();
            SparseRow.Add(view.Row(best), options.Keys, options.LeastAttention, keys);
            _examples[index].Add(new HeadExample(window, tokens.Tokens, best, most, keys));
        }

        internal HeadSurvey Result()
        {
            if (_windows == 0)
                throw new UserException("there is no window of two tokens; expected a longer text");
            return new([.. _sums.Select((s, i) => s.Scores(i / _config.Heads, i % _config.Heads, _over))],
                [.. _examples.Select(e => e.All)],
                [.. _z.Select(sum => Array.ConvertAll(sum, v => (float)(v / _over.Queries)))],
                _windows, _over.Queries, _over.Repeated);
        }
    }
}
