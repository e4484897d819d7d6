using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Evaluates one model on the same texts again and again, while its weights change: windows, activations and
/// targets are made once.
/// </summary>
public sealed class TextEvaluator : IDisposable
{
    readonly TextWindows _windows;
    readonly ModelSession _session;
    readonly TensorArena _arena;

    /// <summary>Cuts the texts and takes the memory of a pass.</summary>
    /// <param name="model">The model; edits that are in force now are taken to be in force in every
    /// call.</param>
    /// <param name="documents">Token ids; documents of fewer than two tokens predict nothing.</param>
    /// <param name="context">Tokens a window sees, at most the model's context.</param>
    /// <param name="stride">From one window's start to the next, 1 to <paramref name="context"/>.</param>
    /// <exception cref="UserException">A number is out of range, a token is, there is nothing to predict, or
    /// a pass does not fit the device.</exception>
    public TextEvaluator(LanguageModel model, IReadOnlyList<int[]> documents, int context, int stride)
    {
        ArgumentNullException.ThrowIfNull(model);
        _windows = new TextWindows(model.Config, model.HasEdits, documents, context, stride);
        (int rows, int longest) = (_windows.RowsOfPass, _windows.Longest);
        _session = new ModelSession(model,
            new SessionOptions { MaxRows = rows, MaxTokens = longest, Logits = LogitsAt.All });
        try
        {
            _arena = new TensorArena(model.Device, 3L * rows * longest + 192, "losses");
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <summary>Tokens that <see cref="Score"/> of a model without edits would predict; no weight is
    /// read.</summary>
    /// <param name="config">Config of the model.</param>
    /// <param name="documents">Token ids.</param>
    /// <param name="context">Tokens a window sees, at most the model's context.</param>
    /// <param name="stride">From one window's start to the next, 1 to <paramref name="context"/>.</param>
    /// <exception cref="UserException">A number is out of range, a token is, or there is nothing to
    /// predict.</exception>
    public static long CountTokens(
        ModelConfig config, IReadOnlyList<int[]> documents, int context, int stride)
        => new TextWindows(config, false, documents, context, stride).Tokens;

    /// <summary>Tokens that one call of <see cref="Score"/> predicts.</summary>
    public long Tokens => _windows.Tokens;

    /// <summary>Evaluates the model as it is now.</summary>
    /// <param name="progress">Told the tokens predicted so far and in all.</param>
    /// <exception cref="UserException">A logit is not finite where the model requires it.</exception>
    public TextScore Score(Action<long, long>? progress = null) => _windows.Score(Pass, progress);

    /// <summary>Evaluates several states of the model's weights as one: every token is predicted by
    /// all.</summary>
    /// <param name="rule">How predictions become one; of a vote the losses are NaN.</param>
    /// <param name="states">Number of states.</param>
    /// <param name="moveTo">Gives the model the weights of a state, from 0; called for every state in every
    /// pass, and the model stays at the last.</param>
    /// <param name="progress">Told the tokens predicted so far and in all.</param>
    /// <exception cref="UserException">A logit is not finite where the model requires it.</exception>
    public TextScore ScoreEnsemble(
        EnsembleRule rule, int states, Action<int> moveTo, Action<long, long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(moveTo);
        ArgumentOutOfRangeException.ThrowIfLessThan(states, 1);
        return _windows.Score(batch =>
        {
            float[][] logits = new float[states][];
            for (int m = 0; m < states; m++)
            {
                moveTo(m);
                _session.Forward(batch.Rows);
                logits[m] = _session.Logits.ToArray();
            }
            return TextEvaluation.Combined(rule, logits, batch.Targets);
        }, progress);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _arena.Dispose();
        _session.Dispose();
    }

    (float[] Losses, int[] Best) Pass(TextWindows.Batch batch)
    {
        _arena.Reset();
        int rows = batch.Rows.B * batch.Rows.T;
        _session.Forward(batch.Rows);
        Tensor logits = _session.Logits.Reshape(rows, _session.Model.Config.VocabSize);
        Tensor losses = _arena.Cut("losses", rows);
        IndexTensor best = _arena.CutIndices("most probable tokens", rows);
        Ops ops = _session.Model.Ops;
        ops.CrossEntropy(logits, _arena.UploadIndices("targets", batch.Targets, rows), losses, null, 0f);
        ops.ArgMax(logits, best);
        return (losses.ToArray(), best.ToArray());
    }
}
