namespace HeadTap.Peers;

/// <summary>Training lenses of attention heads on one text, an optimiser step at a time.</summary>
interface ILensStep : IDisposable
{
    /// <summary>What is timed, as the table names it.</summary>
    string Name { get; }

    /// <summary>
    /// KL(model || lens) in nats with the parameters as they are: mean over positions, sum over layers.
    /// </summary>
    double Loss();

    /// <summary>Loss, gradient and one update by Adam of every layer's lens.</summary>
    void Step();
}
