namespace HeadTap.Circuits;

/// <summary>What one cell of a grid of patches is.</summary>
public enum PatchAxis
{
    /// <summary>A layer: all positions, all heads, all neurons of its site together.</summary>
    Layer,

    /// <summary>A layer and a position: the site's whole row there.</summary>
    Position,

    /// <summary>A layer and a head: its values at all positions together.</summary>
    Head,

    /// <summary>A layer, a head and a position; of a pattern, the position of the query.</summary>
    HeadPosition,

    /// <summary>A layer and a neuron of its feed-forward block: its values at all positions
    /// together.</summary>
    Neuron,
}
