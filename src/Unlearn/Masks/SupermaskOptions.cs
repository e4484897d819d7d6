using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Adds the gradient of one step's loss, and returns that loss.</summary>
delegate double SupermaskLoss(RowGradients rows);

/// <summary>The steps of an epoch.</summary>
/// <param name="InEpoch">How many.</param>
/// <param name="Longest">Tokens of the longest row.</param>
/// <param name="Epoch">The next epoch's, in order.</param>
sealed record SupermaskSteps(int InEpoch, int Longest, Func<IEnumerable<SupermaskLoss>> Epoch);

/// <summary>How scores are trained; defaults are the reference code's.</summary>
/// <param name="Epochs">Passes over the rows; 0 leaves the random mask.</param>
/// <param name="BatchRows">Rows of a step.</param>
/// <param name="Alpha">Weight of the clean loss.</param>
/// <param name="Step">lr, momentum, decay of the scores.</param>
sealed record SupermaskOptions(int Epochs, int BatchRows, float Alpha, SgdStep Step)
{
    /// <exception cref="UserException">One is outside its range.</exception>
    internal static SupermaskOptions Of(MethodOptions options)
    {
        var read = new SupermaskOptions(options.Epochs ?? 10, options.BatchRows ?? 64, options.Alpha ?? 0.9f,
            new SgdStep(options.LearningRate ?? 0.1f, options.Momentum ?? 0.9f, Dampening: 0,
                options.WeightDecay ?? 5e-4f, Nesterov: false, First: false));
        OptionRange.Require("epochs", read.Epochs, read.Epochs >= 0, "0 or more");
        OptionRange.AtLeastOne("batch-rows", read.BatchRows);
        OptionRange.Require("alpha", read.Alpha, read.Alpha is >= 0 and <= 1, "0 to 1");
        OptionRange.Positive("learning-rate", read.Step.LearningRate);
        float momentum = read.Step.Momentum;
        OptionRange.Require("momentum", momentum, momentum is >= 0 and < 1, "0 or more, less than 1");
        OptionRange.NotNegative("weight-decay", read.Step.WeightDecay);
        return read;
    }
}
