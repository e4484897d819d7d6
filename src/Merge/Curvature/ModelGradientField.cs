using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// The mean next-token cross-entropy of texts around a model's weights: they are moved in place on the
/// device, and the gradient of all texts is computed there.
/// </summary>
public sealed class ModelGradientField : IGradientField, IDisposable
{
    readonly WeightSpace _space;
    readonly FlatParameters _origin, _direction;
    readonly ParameterGradients _gradients;
    readonly TextGradient _text;

    /// <summary>The field around the weights as they are now.</summary>
    /// <param name="space">The model; its owner disposes it, after this.</param>
    /// <param name="documents">Token ids.</param>
    /// <exception cref="UserException">There is nothing to predict, or vectors or a pass do not fit the
    /// device.</exception>
    public ModelGradientField(WeightSpace space, IReadOnlyList<int[]> documents)
    {
        ArgumentNullException.ThrowIfNull(space);
        LanguageModel model = space.Model;
        if (model.Parameters.TotalLength > Array.MaxLength)
            throw new UserException($"the model has {model.Parameters.TotalLength} parameters; curvature "
                + $"takes at most {Array.MaxLength}");
        _space = space;
        _origin = space.Keep();
        _direction = space.Vector("direction of ");
        Norm = Math.Sqrt(space.Dot(_origin, _origin));
        _gradients = ParameterGradients.Create(model);
        try
        {
            int context = model.Config.ContextLength;
            _text = new TextGradient(model, documents, context, context);
        }
        catch
        {
            _gradients.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public int Length => (int)_origin.TotalLength;

    /// <inheritdoc/>
    public double Norm { get; }

    /// <summary>Tokens that are predicted.</summary>
    public long Tokens => _text.Tokens;

    /// <summary>Gradients computed so far.</summary>
    public int Gradients { get; private set; }

    /// <summary>The loss at the last point, nats.</summary>
    public double Loss { get; private set; }

    /// <inheritdoc/>
    /// <exception cref="UserException">The loss there is not finite.</exception>
    public void Gradient(float[] direction, double step, float[] gradient)
    {
        ArgumentNullException.ThrowIfNull(direction);
        ArgumentNullException.ThrowIfNull(gradient);
        if (step != 0)
            Each(_direction, (block, start, length) => block.Upload(direction.AsSpan(start, length)));
        _space.MoveTo((1, _origin), (step, _direction));
        Loss = _text.Run(_gradients);
        Gradients++;
        if (!double.IsFinite(Loss))
            throw new UserException($"the loss is {Loss} "
                + (step == 0 ? "at the model" : $"at a distance of {Math.Abs(step):g3} from the model")
                + "; curvature needs a finite one");
        Each(_gradients.Set, (block, start, length) => block.Download(gradient.AsSpan(start, length)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _text.Dispose();
        _gradients.Dispose();
    }

    static void Each(FlatParameters set, Action<Tensor, int, int> body)
    {
        int start = 0;
        foreach (Tensor block in set.Blocks)
        {
            body(block, start, (int)block.Length);
            start += (int)block.Length;
        }
    }
}
