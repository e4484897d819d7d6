namespace HeadTap.Unlearn;

/// <summary>Options that most methods with training steps share; each method gives its own default.</summary>
static class StepOptions
{
    internal static MethodOption Epochs(int absent)
        => MethodOption.Whole("Epochs", absent, OptionRange.AtLeastOne, "passes over the rows");

    internal static MethodOption BatchRows(int absent)
        => MethodOption.Whole("BatchRows", absent, OptionRange.AtLeastOne, "rows of a step");

    internal static MethodOption LearningRate(double absent)
        => MethodOption.Number(
            "LearningRate", absent, OptionRange.Positive, "rate of the method's own training");

    internal static MethodOption WeightDecay(double absent)
        => MethodOption.Number("WeightDecay", absent, OptionRange.NotNegative, "decay of what is trained");
}
