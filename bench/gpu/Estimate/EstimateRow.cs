using HeadTap.PtxMachine;

namespace HeadTap.Gpu;

/// <summary>A piece of work that was counted on one architecture.</summary>
/// <param name="Work">What it is.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Precision">Of its products.</param>
/// <param name="Flops">Those of its formula; 0 where memory is what counts.</param>
/// <param name="LeastBytes">Each operand moved once; 0 where flops are what counts.</param>
/// <param name="Goal">Share of peak that is asked for; 0 for none.</param>
/// <param name="Samples">Its launches.</param>
sealed record EstimateRow(
    string Work, string Shape, string Precision, double Flops, double LeastBytes, double Goal,
    IReadOnlyList<LaunchSample> Samples)
{
    /// <summary>Its launches, whole grids.</summary>
    internal IReadOnlyList<LaunchWork> Launches { get; } = [.. Samples.Select(EstimateDevice.Work)];

    /// <summary>The share of the card's peak that a time means.</summary>
    internal double Share(Card card, double seconds) => Flops > 0
        ? Flops / card.Flops(Precision) / seconds : LeastBytes / (card.MemoryGBs * 1e9) / seconds;
}
