using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A loss of a batch's logits: returns it, and writes its gradient. Both tensors live until the next pass.
/// </summary>
/// <param name="logits">[B T, V], edited where edits are attached. Rows of padding hold no position's
/// logits, and may hold anything.</param>
/// <param name="dLogits">[B T, V], zero when the loss is called, so only rows that count need be written.
/// What is written in rows of padding is dropped.</param>
public delegate double LogitsLoss(Tensor logits, Tensor dLogits);

/// <summary>What a pass over a batch's losses takes the gradient of.</summary>
/// <param name="Into">Added into.</param>
/// <param name="Scale">Times the sum of the losses.</param>
/// <param name="Weights">One more factor for the loss of each row that goes through the head; null for
/// none.</param>
readonly record struct LossGradient(ParameterGradients Into, float Scale, Tensor? Weights = null);

public sealed partial class ModelSession
{
    /// <summary>Mean cross-entropy, in nats, of the tokens that have a target; no gradients.</summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    public double Loss(SequenceBatch rows, ReadOnlySpan<int> targets)
    {
        float[] losses = TokenLosses(rows, targets);
        return SumOf(losses) / Math.Max(_layout!.Counted, 1);
    }

    /// <summary>
    /// Cross-entropy, in nats, of each position: [B T], 0 where there is no target; no gradients. On the host
    /// a row has the bits that it has alone.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <exception cref="ArgumentException">There are not B T targets.</exception>
    /// <exception cref="UserException">No position has a target, or one is outside the
    /// vocabulary.</exception>
    public float[] TokenLosses(SequenceBatch rows, ReadOnlySpan<int> targets)
    {
        SessionLayout layout = Prepare(rows);
        layout.Forward!.Run();
        layout.LoadTargets(targets, _model.Config.VocabSize);
        return RunLoss(layout, null);
    }

    /// <summary>
    /// <see cref="TokenLosses"/> of a pass that another one began, as <see cref="ForwardFrom"/>: to the bit
    /// of one with as many rows.
    /// </summary>
    /// <param name="rows">The same tokens as in the pass that gave the values.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="from">Where to go on, with which values.</param>
    /// <exception cref="ArgumentException">The values do not fit, or there are not B T targets.</exception>
    /// <exception cref="InvalidOperationException">An edit is attached below.</exception>
    /// <exception cref="UserException">As <see cref="TokenLosses"/>.</exception>
    public float[] TokenLossesFrom(SequenceBatch rows, ReadOnlySpan<int> targets, ResumePoint from)
    {
        SessionLayout layout = Resume(rows, from);
        layout.Forward!.Run(from, lastRowsOnly: false);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        return RunLoss(layout, null);
    }

    /// <summary>
    /// Sum of the cross-entropies of the tokens that have a target, and how many they are. Adds the gradient
    /// of <paramref name="scale"/> times the sum into <paramref name="gradients"/>.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    /// <param name="scale">1 / (number of counted tokens) for the mean.</param>
    public (double Sum, int Count) ForwardBackward(
        SequenceBatch rows, ReadOnlySpan<int> targets, ParameterGradients gradients, float scale)
    {
        SessionLayout layout = PrepareBackward(rows, gradients);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        layout.Forward!.Run();
        float[] losses = RunLoss(layout, new LossGradient(gradients, scale));
        RunBackward(layout, gradients);
        return (SumOf(losses), layout.Counted);
    }

    /// <summary>
    /// Adds the gradient of <c>sum_i weights[i] losses[i]</c> into <paramref name="gradients"/>: some rows of
    /// a batch may be learnt while others are forgotten, in one pass. Returns the losses as
    /// <see cref="TokenLosses"/> does, not weighed.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="weights">[B T], of any sign; read where there is a target. Of a position with weight 0
    /// nothing enters the gradient, not even NaN.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    /// <exception cref="ArgumentException">There are not B T targets or weights, or a weight is not
    /// finite.</exception>
    /// <exception cref="UserException">No position has a target, or one is outside the
    /// vocabulary.</exception>
    public float[] ForwardBackward(SequenceBatch rows, ReadOnlySpan<int> targets,
        ReadOnlySpan<float> weights, ParameterGradients gradients)
    {
        SessionLayout layout = PrepareBackward(rows, gradients);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        Tensor factors = layout.LoadWeights(weights, counted: !LossNeedsLogits);
        layout.Forward!.Run();
        float[] losses = RunLoss(layout, new LossGradient(gradients, 1f, factors));
        RunBackward(layout, gradients);
        return losses;
    }

    /// <summary>
    /// Adds the gradient of any loss of the logits into <paramref name="gradients"/>, and returns that loss:
    /// a divergence from another model's logits, a mixture, a margin. The logits of the whole batch are held.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="loss">Called once, when the forward pass is done.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    public double ForwardBackward(SequenceBatch rows, LogitsLoss loss, ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(loss);
        SessionLayout layout = PrepareBackward(rows, gradients);
        layout.Forward!.Run();
        Tensor logits = LogitsOfAll(layout);
        Tensor dLogits = _pass.Memory.Cut("gradient of the logits", logits.Rows, logits.Columns);
        double value = loss(logits, dLogits);
        if (rows.Lengths.Any(length => length < rows.T))
            _model.Ops.ScaleRows(layout.LoadRealRows(rows), dLogits);
        BackwardOfLogits(layout, dLogits, gradients);
        RunBackward(layout, gradients);
        return value;
    }

    // Somebody records or edits logits, so the loss is taken of what stands there.
    bool LossNeedsLogits
        => _sites.Uses(SiteKind.Logits, 0) || _gradientSites.Records(SiteKind.Logits, 0);

    SessionLayout PrepareBackward(SequenceBatch rows, ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (!_options.Backward)
            throw new InvalidOperationException("This session was made without Backward.");
        return Prepare(rows);
    }

    void RunBackward(SessionLayout layout, ParameterGradients gradients)
    {
        layout.Backward!.Program = _pass.Program;
        layout.Backward.Run(gradients);
    }

    // The losses of all positions, and the gradient asked for down to LnFinal.
    float[] RunLoss(SessionLayout layout, LossGradient? gradient)
        => LossNeedsLogits ? LossThroughLogits(layout, gradient) : LossInChunks(layout, gradient);

    // Of the tokens that have a target alone: the others take no part in the product with the vocabulary.
    float[] LossInChunks(SessionLayout layout, LossGradient? gradient)
    {
        Ops ops = _model.Ops;
        int n = layout.Counted;
        Tensor x = layout.Compact.Slice("counted rows", 0, n, _model.Config.Width);
        IndexTensor ids = layout.CountedRows.Slice("ids of counted rows", 0, n);
        Tensor losses = layout.Losses.Slice("losses", 0, n);
        ops.Gather(ids, layout.Activations.LnFinal, x);
        Tensor? dX = gradient is null ? null
            : layout.CompactGradient!.Slice("gradient of counted rows", 0, n, x.Columns);
        layout.Head.Loss(
            x, layout.Targets.Slice("targets", 0, n), losses, layout.Chunk, dX, gradient);
        if (dX is not null)
        {
            Tensor dLnFinal = layout.BackwardMemory!.LnFinal;
            ops.Fill(dLnFinal, 0f);
            ops.ScatterAdd(ids, dX, dLnFinal);
        }
        return layout.AtCounted(losses.ToArray());
    }

    float[] LossThroughLogits(SessionLayout layout, LossGradient? gradient)
    {
        Tensor logits = LogitsOfAll(layout);
        Tensor? dLogits = gradient is null ? null
            : _pass.Memory.Cut("gradient of the logits", logits.Rows, logits.Columns);
        _model.Ops.CrossEntropy(logits, layout.AllTargets, layout.Losses, dLogits, gradient?.Scale ?? 0f);
        if (gradient is { } g)
        {
            if (g.Weights is { } weights)
                _model.Ops.ScaleRows(weights, dLogits!);
            BackwardOfLogits(layout, dLogits!, g.Into);
        }
        return layout.Losses.ToArray();
    }

    // [B T, V], recorded and edited.
    Tensor LogitsOfAll(SessionLayout layout)
    {
        int rows = layout.B * layout.T, V = _model.Config.VocabSize;
        Tensor logits = layout.AllLogits ?? _pass.Memory.Cut("logits", layout.B, layout.T, V);
        layout.Head.Logits(layout.Activations.LnFinal, logits.Reshape(rows, V));
        _sites.At(SiteKind.Logits, 0, logits);
        return logits.Reshape(rows, V);
    }

    void BackwardOfLogits(SessionLayout layout, Tensor dLogits, ParameterGradients gradients)
    {
        _gradientSites.AtGradient(SiteKind.Logits, 0, dLogits, _pass.Program);
        layout.Head.Backward(
            layout.Activations.LnFinal, dLogits, layout.BackwardMemory!.LnFinal, gradients.Named);
    }

    static double SumOf(float[] losses) => losses.Sum(loss => (double)loss);
}
