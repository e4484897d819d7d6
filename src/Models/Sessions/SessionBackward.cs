using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What a session with gradients has for one batch size, beside its <see
/// cref="SessionLayout"/>.</summary>
sealed class SessionBackward
{
    internal SessionBackward(TensorArena arena, LanguageModel model, SessionLayout layout, PassContext pass,
        IAttentionGradient attention)
    {
        int rows = layout.B * layout.T, C = model.Config.Width;
        CompactGradient = arena.Cut("gradient of counted rows", rows, C);
        RowFactors = arena.Cut("factors of rows", rows);
        Memory = new BackwardMemory(arena, model.Config, layout.B, layout.T);
        Pass = new DecoderBackward(model, layout.Activations, pass, attention, Memory);
    }

    /// <summary>[B T, C]: dL/d(final LayerNorm's output) of the rows with a target.</summary>
    internal Tensor CompactGradient { get; }

    /// <summary>[B T]: a factor for the loss of each row.</summary>
    internal Tensor RowFactors { get; }

    /// <summary>Gradients of activations.</summary>
    internal BackwardMemory Memory { get; }

    /// <summary>The backward pass.</summary>
    internal DecoderBackward Pass { get; }

    /// <summary>Puts factors of the first rows on the device.</summary>
    internal Tensor Factors(float[] factors)
    {
        Tensor used = RowFactors.Slice("factors of rows", 0, factors.Length);
        used.Upload(factors);
        return used;
    }
}

/// <summary>What a pass over a batch's losses takes the gradient of.</summary>
/// <param name="Into">Parameter gradients, added into.</param>
/// <param name="Scale">Times the sum of the losses.</param>
/// <param name="Weights">One more factor for the loss of each row that goes through the head; null for
/// none.</param>
readonly record struct LossGradient(ParameterGradients Into, float Scale, Tensor? Weights = null);

/// <summary>A loss's gradient and the pass that takes it down.</summary>
readonly record struct LossDescent(SessionBackward Through, LossGradient Gradient);
