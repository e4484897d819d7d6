using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>The mean next-token cross-entropy of texts for any weights of one shape, on a device; the weights
/// are written over, never read again from files.</summary>
public sealed class TextLoss : IDisposable
{
    const int MostRows = 16;

    readonly ModelSession _session;
    readonly ParameterGradients? _gradients;
    readonly SequenceBatch[] _batches;

    /// <summary>Room for the texts.</summary>
    /// <param name="device">Where.</param>
    /// <param name="config">Sizes of all models that will be asked for.</param>
    /// <param name="texts">Token ids, each at most the context; those of fewer than two tokens count
    /// nothing.</param>
    /// <param name="gradients">Whether <see cref="Gradient"/> will be called.</param>
    /// <exception cref="UserException">No text has two tokens, one does not fit the model, or it does not fit
    /// the device.</exception>
    public TextLoss(ComputeDevice device, ModelConfig config, IReadOnlyList<int[]> texts,
        bool gradients = false)
    {
        ArgumentNullException.ThrowIfNull(texts);
        int[][] counted = [.. texts.Where(t => t.Length > 1).OrderByDescending(t => t.Length)];
        if (counted.Length == 0)
            throw new UserException("no text has two tokens, so there is nothing to predict; expected a "
                + "longer text");
        _batches = [.. counted.Chunk(MostRows).Select(rows => new SequenceBatch(rows))];
        foreach (SequenceBatch batch in _batches)
            batch.Validate(config);
        Tokens = counted.Sum(t => (long)t.Length - 1);
        Model = new LanguageModel(device, config);
        try
        {
            _session = new ModelSession(Model, new SessionOptions
            {
                MaxRows = _batches.Max(b => b.B), MaxTokens = _batches.Max(b => b.T), Backward = gradients,
            });
            _gradients = gradients ? ParameterGradients.Create(Model) : null;
        }
        catch
        {
            _session?.Dispose();
            Model.Dispose();
            throw;
        }
    }

    /// <summary>Tokens that are predicted.</summary>
    public long Tokens { get; }

    /// <summary>The model whose weights are written over.</summary>
    internal LanguageModel Model { get; }

    /// <summary>The texts in batches.</summary>
    internal IReadOnlyList<SequenceBatch> Batches => _batches;

    /// <summary>The loss of some weights, nats.</summary>
    /// <param name="flat">The flat vector of <see cref="ParameterLayout"/>.</param>
    /// <returns>NaN or infinity where the pass overflows.</returns>
    public double Of(ReadOnlySpan<float> flat)
    {
        Put(flat);
        double sum = 0;
        foreach (SequenceBatch batch in _batches)
        {
            foreach (float loss in _session.TokenLosses(batch, batch.NextTokens()))
                sum += loss;
        }
        return sum / Tokens;
    }

    /// <summary>The loss of some weights, and its gradient.</summary>
    /// <param name="flat">The flat vector of <see cref="ParameterLayout"/>.</param>
    /// <param name="gradient">As long; written.</param>
    /// <exception cref="InvalidOperationException">It was made without gradients.</exception>
    public double Gradient(ReadOnlySpan<float> flat, Span<float> gradient)
    {
        if (_gradients is null)
            throw new InvalidOperationException("This loss was made without gradients.");
        Put(flat);
        _gradients.Clear(Model.Ops);
        double sum = 0;
        foreach (SequenceBatch batch in _batches)
            sum += _session.ForwardBackward(batch, batch.NextTokens(), _gradients, 1f / Tokens).Sum;
        foreach (ParameterSlice slice in Model.Parameters.Slices)
            _gradients.Set[slice.Name].Download(gradient.Slice((int)slice.Offset, (int)slice.Length));
        return sum / Tokens;
    }

    /// <summary>Puts weights on the device.</summary>
    internal void Put(ReadOnlySpan<float> flat)
    {
        foreach (ParameterSlice slice in Model.Parameters.Slices)
            Model.Set[slice.Name].Upload(flat.Slice((int)slice.Offset, (int)slice.Length));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradients?.Dispose();
        _session.Dispose();
        Model.Dispose();
    }
}
