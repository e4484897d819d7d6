using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The gradient of a model's mean loss on the same texts, again and again, while its weights change.
/// </summary>
public sealed class TextGradient : IDisposable
{
    // Tokens of a pass: the activations of GPT-2 small take a third of a GiB for a thousand.
    const int MostTokens = 4096, MostRows = 16;

    readonly TextWindows _windows;
    readonly IReadOnlyList<TextWindows.Batch> _batches;
    readonly ModelSession _session;

    /// <summary>Cuts the texts and takes the memory of a pass.</summary>
    /// <param name="model">The model.</param>
    /// <param name="documents">Token ids; documents of fewer than two tokens predict nothing.</param>
    /// <param name="context">Tokens a window sees, at most the model's context.</param>
    /// <param name="stride">From one window's start to the next, 1 to <paramref name="context"/>.</param>
    /// <exception cref="UserException">A number is out of range, a token is, there is nothing to predict, or
    /// a pass does not fit the device.</exception>
    public TextGradient(LanguageModel model, IReadOnlyList<int[]> documents, int context, int stride)
    {
        ArgumentNullException.ThrowIfNull(model);
        _windows = new TextWindows(model.Config, model.HasEdits, documents, context, stride);
        int rows = Math.Clamp(MostTokens / _windows.Longest, 1, MostRows);
        _batches = _windows.Batches(rows);
        _session = new ModelSession(model,
            new SessionOptions { MaxRows = rows, MaxTokens = _windows.Longest, Backward = true });
    }

    /// <summary>Tokens that are predicted.</summary>
    public long Tokens => _windows.Tokens;

    /// <summary>Writes the gradient of the mean loss at the weights as they are now, and returns that
    /// loss.</summary>
    /// <param name="gradients">Of the trained parameters; overwritten.</param>
    /// <exception cref="UserException">The loss is not finite where the model requires it; then
    /// <paramref name="gradients"/> may hold anything.</exception>
    public double Run(ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        gradients.Clear(_session.Model.Ops);
        double sum = 0;
        foreach (TextWindows.Batch batch in _batches)
            sum += _session.ForwardBackward(batch.Rows, batch.Targets, gradients, 1f / Tokens).Sum;
        return sum / Tokens;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();
}
