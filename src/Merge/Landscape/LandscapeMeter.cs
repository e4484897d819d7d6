using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>Loss and accuracy at a place of the landscape.</summary>
/// <param name="Loss">Mean next-token cross-entropy, nats; NaN or infinite where the pass overflows.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one.</param>
/// <param name="TestLoss">Loss on the second texts; null without any.</param>
/// <param name="TestAccuracy">Accuracy on the second texts; null without any.</param>
public sealed record LandscapeValue(
    double Loss, double Accuracy, double? TestLoss = null, double? TestAccuracy = null);

/// <summary>Measures a model where its weights are, on one or two sets of texts.</summary>
public sealed class LandscapeMeter : IDisposable
{
    readonly TextEvaluator _train;
    readonly TextEvaluator? _test;

    /// <summary>Takes the memory of a pass over each set.</summary>
    /// <param name="model">The model whose weights move.</param>
    /// <param name="texts">Token ids.</param>
    /// <param name="test">Token ids of a second set; null for none.</param>
    /// <param name="context">Tokens of a window; 0 for the model's context.</param>
    /// <exception cref="UserException">There is nothing to predict, a token is outside the vocabulary, or a
    /// pass does not fit the device.</exception>
    public LandscapeMeter(LanguageModel model, IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? test = null,
        int context = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        int window = context == 0 ? model.Config.ContextLength : context;
        _train = new TextEvaluator(model, texts, window, window);
        try
        {
            _test = test is null ? null : new TextEvaluator(model, test, window, window);
        }
        catch
        {
            _train.Dispose();
            throw;
        }
    }

    /// <summary><see cref="Tokens"/> of a meter with these arguments; no weight is read.</summary>
    /// <param name="config">Config of the model.</param>
    /// <param name="texts">Token ids.</param>
    /// <param name="test">Token ids of a second set; null for none.</param>
    /// <param name="context">Tokens of a window; 0 for the model's context.</param>
    /// <exception cref="UserException">There is nothing to predict, or a token is outside the
    /// vocabulary.</exception>
    public static long CountTokens(
        ModelConfig config, IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? test = null, int context = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        int window = context == 0 ? config.ContextLength : context;
        return TextEvaluator.CountTokens(config, texts, window, window)
            + (test is null ? 0 : TextEvaluator.CountTokens(config, test, window, window));
    }

    /// <summary>Tokens that one measurement predicts, of both sets.</summary>
    public long Tokens => _train.Tokens + (_test?.Tokens ?? 0);

    /// <summary>Measures the weights as they are now.</summary>
    public LandscapeValue Measure()
    {
        TextScore train = _train.Score();
        TextScore? test = _test?.Score();
        return new(train.Loss, train.Accuracy, test?.Loss, test?.Accuracy);
    }

    /// <summary>Measures models of the space as one that combines their predictions; every token is predicted
    /// by all.</summary>
    /// <param name="space">Its weights end at the last model.</param>
    /// <param name="models">Weights of the models.</param>
    /// <param name="rule">How predictions become one; a vote has no loss, it is NaN.</param>
    public LandscapeValue Ensemble(WeightSpace space, IReadOnlyList<FlatParameters> models, EnsembleRule rule)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(models);
        void MoveTo(int m) => space.MoveTo((1, models[m]));
        TextScore train = _train.ScoreEnsemble(rule, models.Count, MoveTo);
        TextScore? test = _test?.ScoreEnsemble(rule, models.Count, MoveTo);
        return new(train.Loss, train.Accuracy, test?.Loss, test?.Accuracy);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _test?.Dispose();
        _train.Dispose();
    }
}
