using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>One cell of a grid of patches: the values that a patched run takes from the other run.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Position">Position in the run that is patched, from 0; null for all that are patched
/// together. In a summary counted from the end, -1 is the last.</param>
/// <param name="Head">Head, from 0; null for whole rows.</param>
/// <param name="Neuron">Neuron, from 0; null for whole rows.</param>
public readonly record struct PatchCell(
    int Layer, int? Position = null, int? Head = null, int? Neuron = null)
{
    /// <summary>The edit that patches the cell in one row of a batch.</summary>
    /// <param name="kind">Site of the layer.</param>
    /// <param name="value">Values of the other run at the site, for every position.</param>
    /// <param name="together">Positions that are patched where the cell names none.</param>
    /// <param name="row">Row of the batch.</param>
    internal Edit ToEdit(SiteKind kind, EditValue value, IReadOnlyList<int> together, int row) => new()
    {
        Site = new Site(kind, Layer),
        Operation = EditOperation.Patch,
        Value = value,
        Head = Head,
        Neurons = Neuron is { } neuron ? [neuron] : null,
        Positions = EditPositions.List(Position is { } position ? [position] : together),
        Rows = [row],
    };
}
