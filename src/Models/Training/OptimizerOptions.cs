namespace HeadTap.Models;

/// <summary>How a gradient moves the weights.</summary>
public abstract record OptimizerOptions
{
    /// <summary>The highest learning rate of the schedule.</summary>
    public float LearningRate { get; init; } = 6e-4f;

    /// <summary>Shrinks the weights.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Whether only matrices and embeddings decay, not biases and LayerNorms.</summary>
    public bool DecayOnlyMatrices { get; init; } = true;

    /// <summary>What is wrong, or null.</summary>
    public virtual string? Problem() =>
        (LearningRate > 0 && float.IsFinite(LearningRate)
            ? null : $"learning_rate is {LearningRate}; expected a number above 0")
        ?? TrainingConfig.NotNegative("weight_decay", WeightDecay);

    /// <summary>The decay of a parameter.</summary>
    internal float DecayOf(ParameterSlice slice) =>
        DecayOnlyMatrices && slice.Shape.Length < 2 ? 0 : WeightDecay;
}

/// <summary>AdamW (Loshchilov and Hutter 2019); the decay is decoupled, as torch.optim.AdamW's.</summary>
public sealed record AdamWOptions : OptimizerOptions
{
    /// <summary>The defaults of nanoGPT: beta2 0.95 and decay 0.1, as GPT-3.</summary>
    public AdamWOptions() => WeightDecay = 0.1f;

    /// <summary>Decay of the first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the second moment.</summary>
    public float Beta2 { get; init; } = 0.95f;

    /// <summary>Added to the root of the second moment.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <inheritdoc/>
    public override string? Problem() => base.Problem()
        ?? TrainingConfig.Share("beta1", Beta1) ?? TrainingConfig.Share("beta2", Beta2)
        ?? (Epsilon > 0 && float.IsFinite(Epsilon)
            ? null : $"epsilon is {Epsilon}; expected a number above 0");
}

/// <summary>Gradient descent with momentum; the decay is coupled, as torch.optim.SGD's.</summary>
public sealed record SgdOptions : OptimizerOptions
{
    /// <summary>0 keeps no momentum and no memory for it.</summary>
    public float Momentum { get; init; }

    /// <summary>Dampening of the momentum.</summary>
    public float Dampening { get; init; }

    /// <summary>Whether the update looks one step ahead.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override string? Problem() => base.Problem()
        ?? TrainingConfig.Share("momentum", Momentum) ?? TrainingConfig.Share("dampening", Dampening)
        ?? (Nesterov && (Momentum == 0 || Dampening != 0)
            ? "nesterov needs momentum above 0 and dampening 0" : null);
}
