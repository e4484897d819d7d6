using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Adds the gradient of one step's loss, and returns that loss.</summary>
delegate double SupermaskLoss(RowGradients rows);

/// <summary>The steps that train a <see cref="Supermask"/>.</summary>
/// <param name="InEpoch">Number of steps per epoch.</param>
/// <param name="Longest">Number of tokens of the longest row.</param>
/// <param name="Epoch">Function that returns the losses of the next epoch's steps, in order.</param>
sealed record SupermaskSteps(int InEpoch, int Longest, Func<IEnumerable<SupermaskLoss>> Epoch);

/// <summary>Options of the training of scores; the defaults are the reference code's.</summary>
/// <param name="Epochs">Number of passes over the rows; 0 leaves the random mask.</param>
/// <param name="BatchRows">Number of rows per step.</param>
/// <param name="Step">Learning rate, momentum and decay of the scores.</param>
sealed record SupermaskOptions(int Epochs, int BatchRows, SgdStep Step)
{
    static readonly MethodOption
        s_epochs = MethodOption.Whole("Epochs", 10, OptionRange.AtLeastZero, "passes over the rows"),
        s_batchRows = StepOptions.BatchRows(64),
        s_learningRate = StepOptions.LearningRate(0.1),
        s_momentum = MethodOption.Number("Momentum", 0.9, OptionRange.BelowOne, "momentum of SGD"),
        s_weightDecay = StepOptions.WeightDecay(5e-4);

    /// <summary>The options that a method with a <see cref="Supermask"/> declares.</summary>
    internal static IReadOnlyList<MethodOption> All { get; } =
        [s_epochs, s_batchRows, s_learningRate, s_momentum, s_weightDecay];

    /// <exception cref="UserException">An option is outside its range.</exception>
    internal static SupermaskOptions Of(MethodSettings given) => new(given.Whole(s_epochs),
        given.Whole(s_batchRows), new SgdStep(given.Number(s_learningRate), given.Number(s_momentum),
            Dampening: 0, given.Number(s_weightDecay), Nesterov: false, First: false));
}
