using MathNet.Numerics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>By what two models are aligned.</summary>
public enum AlignmentBy
{
    /// <summary>Their weights; no text is read.</summary>
    Weights,

    /// <summary>What their units say of a text.</summary>
    Activations,

    /// <summary>The gradient of a text's loss between them.</summary>
    StraightThrough,
}

/// <summary>Shares of units that an alignment moved in one block.</summary>
/// <param name="Layer">The block, from 0.</param>
/// <param name="NeuronsMoved">Of its feed-forward neurons, 0 to 1.</param>
/// <param name="HeadsMoved">Of its heads, 0 to 1.</param>
public sealed record LayerMoves(int Layer, double NeuronsMoved, double HeadsMoved);

/// <summary>B in A's order, and what was done.</summary>
/// <param name="Aligned">It computes what B computes.</param>
/// <param name="StreamMoved">Share of the residual stream's channels that were moved, 0 to 1; null for a
/// rotation, which moves all.</param>
/// <param name="Layers">By block.</param>
public sealed record ModelAlignment(
    DecoderWeights Aligned, double? StreamMoved, IReadOnlyList<LayerMoves> Layers)
{
    /// <summary>Aligns B with A.</summary>
    /// <param name="a">The model that stays.</param>
    /// <param name="b">The model that is moved; the given one stays as it is.</param>
    /// <param name="by">By what.</param>
    /// <param name="options">How.</param>
    /// <param name="loss">The texts; needed for all but weights, with gradients for straight-through.</param>
    /// <param name="learning">How long straight-through looks; null for its defaults.</param>
    /// <param name="progress">Told a share of the work, which may end before 1.</param>
    /// <exception cref="UserException">The models have other shapes, an architecture is not known here, or a
    /// rotation is asked of models whose LayerNorms are not folded.</exception>
    /// <exception cref="ArgumentException">Texts are needed.</exception>
    public static ModelAlignment Of(DecoderWeights a, DecoderWeights b, AlignmentBy by,
        AlignmentOptions options, TextLoss? loss = null, StraightThroughOptions? learning = null,
        Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(options);
        if (SameShape.Problem(a.Config, b.Config) is { } problem)
            throw new UserException($"the models cannot be aligned: {problem}");
        // A rotary position turns queries and keys inside a head, so maps between them are no symmetry.
        if (!a.Config.Architecture.Has(Role.PositionEmbedding))
            throw new UserException($"the symmetries of {a.Config.Architecture.ModelType} are not known; "
                + "expected an architecture with learned positions, as gpt2");
        if (options.Stream == StreamAlignment.Rotation && !(Folding.IsFolded(a) && Folding.IsFolded(b)))
            throw new UserException("a rotation of the stream needs models whose LayerNorms are folded");
        if (by != AlignmentBy.Weights && loss is null)
            throw new ArgumentException("This alignment reads texts.", nameof(loss));
        DecoderSymmetry symmetry;
        try
        {
            symmetry = Match(a, b, by, options, loss, learning, progress);
        }
        catch (NonConvergenceException e)
        {
            throw new UserException("the models cannot be aligned: products of their numbers are not finite",
                e);
        }
        DecoderWeights aligned = symmetry.Of(b);
        FreeParts.Copy(a, aligned);
        return new ModelAlignment(aligned, symmetry.Stream switch
        {
            StreamOrder order => Moved(order.Order),
            StreamRotation => null,
            _ => 0,
        }, [.. symmetry.Blocks.Select((block, l) =>
            new LayerMoves(l, Moved(block.Neurons), Moved(block.Heads)))]);
    }

    /// <summary>The same model with gains 1 and shifts 0, an untied head and a head bias: what a rotation of
    /// the stream needs.</summary>
    public static DecoderWeights Folded(DecoderWeights weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return Folding.Folded(weights);
    }

    static double Moved(int[] order) => order.Where((of, i) => of != i).Count() / (double)order.Length;

    static DecoderSymmetry Match(DecoderWeights a, DecoderWeights b, AlignmentBy by, AlignmentOptions options,
        TextLoss? loss, StraightThroughOptions? learning, Action<double>? progress)
        => by switch
        {
            AlignmentBy.Activations => ActivationMatching.Match(loss!.Model.Device, a, b, loss.Batches,
                options, progress),
            AlignmentBy.StraightThrough => StraightThrough.Match(a, b, loss!, options, learning ?? new(),
                progress),
            _ => WeightMatching.Match(a, b, options,
                (round, _) => progress?.Invoke(round / (round + 3.0))), // how many there will be is unknown
        };
}
