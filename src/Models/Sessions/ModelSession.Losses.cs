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

public sealed partial class ModelSession
{
    /// <summary>Mean cross-entropy, in nats, of the tokens that have a target; no gradients.</summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    public double Loss(SequenceBatch rows, ReadOnlySpan<int> targets)
    {
        SessionLayout layout = Prepare(rows);
        return SumOf(Losses(layout, rows, targets, null)) / Math.Max(layout.Counted, 1);
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
        return Losses(Prepare(rows), rows, targets, null);
    }

    /// <summary>
    /// <see cref="TokenLosses"/> of a pass that is resumed, as <see cref="ForwardFrom"/>: to the bit of one
    /// with as many rows.
    /// </summary>
    /// <param name="rows">The same tokens as in the pass that gave the values.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="from">The place and its values.</param>
    /// <exception cref="ArgumentException">The values do not fit, or there are not B T targets.</exception>
    /// <exception cref="InvalidOperationException">An edit is attached below.</exception>
    /// <exception cref="UserException">As <see cref="TokenLosses"/>.</exception>
    public float[] TokenLossesFrom(SequenceBatch rows, ReadOnlySpan<int> targets, ResumePoint from)
    {
        return Losses(Resume(rows, from), rows, targets, from);
    }

    float[] Losses(
        SessionLayout layout, SequenceBatch rows, ReadOnlySpan<int> targets, ResumePoint? from)
    {
        layout.Forward.Run(from);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        float[] losses = RunLoss(layout, null);
        RequireFinite(layout, rows, losses, []);
        return losses;
    }

    /// <summary>
    /// Sum of the cross-entropies of the tokens that have a target, and how many they are. Adds the gradient
    /// of <paramref name="scale"/> times the sum into <paramref name="gradients"/>.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    /// <param name="scale">1 / (number of counted tokens) for the mean.</param>
    /// <exception cref="UserException">No position has a target, one is outside the vocabulary, or a loss is
    /// not finite where the model requires it; then <paramref name="gradients"/> may hold
    /// anything.</exception>
    public (double Sum, int Count) ForwardBackward(
        SequenceBatch rows, ReadOnlySpan<int> targets, ParameterGradients gradients, float scale)
    {
        (SessionLayout layout, SessionBackward backward) = PrepareBackward(rows, gradients);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        layout.Forward.Run();
        float[] losses = RunLoss(layout, new LossDescent(backward, new LossGradient(gradients, scale)));
        RequireFinite(layout, rows, losses, []);
        backward.Pass.Run(gradients);
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
    /// <exception cref="UserException">No position has a target, one is outside the vocabulary, or a loss
    /// that is weighed is not finite where the model requires it.</exception>
    public float[] ForwardBackward(SequenceBatch rows, ReadOnlySpan<int> targets,
        ReadOnlySpan<float> weights, ParameterGradients gradients)
    {
        (SessionLayout layout, SessionBackward backward) = PrepareBackward(rows, gradients);
        layout.LoadTargets(targets, _model.Config.VocabSize);
        Tensor factors = backward.Factors(layout.WeightsOfRows(weights, counted: !LossNeedsLogits));
        layout.Forward.Run();
        float[] losses = RunLoss(layout, new LossDescent(backward, new LossGradient(gradients, 1f, factors)));
        RequireFinite(layout, rows, losses, weights);
        backward.Pass.Run(gradients);
        return losses;
    }

    /// <summary>
    /// Adds the gradient of any loss of the logits into <paramref name="gradients"/>, and returns that loss:
    /// a divergence from another model's logits, a mixture, a margin. The logits of the whole batch are held.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="loss">Called once, when the forward pass is done.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    /// <exception cref="UserException">The loss is not finite where the model requires it.</exception>
    public double ForwardBackward(SequenceBatch rows, LogitsLoss loss, ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(loss);
        (SessionLayout layout, SessionBackward backward) = PrepareBackward(rows, gradients);
        layout.Forward.Run();
        Tensor logits = LogitsOfAll(layout);
        Tensor dLogits = _pass.Memory.Cut("gradient of the logits", logits.Rows, logits.Columns);
        double value = loss(logits, dLogits);
        if (RequiresFinite && !double.IsFinite(value))
            throw NonfinitePass.Explain(_model, rows);
        if (rows.Lengths.Any(length => length < rows.T))
            _model.Ops.ScaleRows(backward.Factors([.. Enumerable.Range(0, rows.B * rows.T)
                .Select(i => i % rows.T < rows.Lengths[i / rows.T] ? 1f : 0f)]), dLogits); // 0 in padding
        BackwardOfLogits(layout, backward, dLogits, gradients);
        backward.Pass.Run(gradients);
        return value;
    }

    /// <summary>
    /// Adds the gradient of a loss that depends on the values at one site alone into
    /// <paramref name="gradients"/>: a distance of a stream from a target, a probe's error. Follows a
    /// <see cref="Forward"/> of this session, and may be called several times for one.
    /// </summary>
    /// <param name="site">Any site but scores, patterns and the scales of LayerNorms.</param>
    /// <param name="gradient">dL/d(values at the site after edits), of the shape of its recording, row-major.
    /// What is given in rows of padding is dropped.</param>
    /// <param name="gradients">Gradients of the trained parameters, added into.</param>
    /// <exception cref="ArgumentException">The site has no gradient of its own, or the gradient has another
    /// length.</exception>
    /// <exception cref="InvalidOperationException">The session was made without Backward, or its last pass
    /// was
    /// no whole <see cref="Forward"/>.</exception>
    public void Backward(Site site, ReadOnlySpan<float> gradient, ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (!_canGoBack || _layout is not { Backward: { } backward } layout)
            throw new InvalidOperationException(
                "Backward from a site follows a Forward of a session that was made with Backward.");
        if (!Site.All(_model.Config).Contains(site) || site.Kind is SiteKind.Scores or SiteKind.Pattern
            or SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale)
            throw new ArgumentException($"A backward pass cannot start at {site}.", nameof(site));
        int rows = layout.B * layout.T;
        int width = SiteLayout.Of(site.Kind, _model.Config, layout.B, layout.T).Width;
        if (gradient.Length != (long)rows * width)
            throw new ArgumentException(
                $"{gradient.Length} numbers are not {rows} rows of {width}.", nameof(gradient));
        float[] values = gradient.ToArray();
        for (int b = 0; b < layout.B; b++)
            values.AsSpan((b * layout.T + _pass.Batch.Lengths[b]) * width,
                (layout.T - _pass.Batch.Lengths[b]) * width).Clear();
        Tensor dX = _pass.Memory.Keep($"gradient given at {site}", rows, width);
        dX.Upload(values);
        _pass.BeginBackward();
        if (site.Kind != SiteKind.Logits)
        {
            backward.Pass.RunFrom(site, dX, gradients);
            return;
        }
        BackwardOfLogits(layout, backward, dX, gradients);
        backward.Pass.Run(gradients);
    }

    bool RequiresFinite => _model.RequiresFinite && !_options.TakesNonfinite;

    // The one place where a loss is looked at before it is used, so that no caller need. A stream whose
    // variance overflows is normalised to 0 and gives a loss that looks right: its 1 / scale is 0.
    void RequireFinite(
        SessionLayout layout, SequenceBatch rows, float[] losses, ReadOnlySpan<float> weights)
    {
        if (!RequiresFinite)
            return;
        float[] reciprocals = layout.Activations.LnFinalRstd.ToArray();
        foreach (int i in layout.CountedPositions)
            if ((weights.IsEmpty || weights[i] != 0) && (!float.IsFinite(losses[i]) || reciprocals[i] == 0))
                throw NonfinitePass.Explain(_model, rows);
    }

    // Where logits are recorded or edited, the loss is taken of the values after that.
    bool LossNeedsLogits
        => _pass.Sites.Uses(SiteKind.Logits, 0) || _pass.GradientSites.Records(SiteKind.Logits, 0);

    (SessionLayout, SessionBackward) PrepareBackward(SequenceBatch rows, ParameterGradients gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (!_options.Backward)
            throw new InvalidOperationException("This session was made without Backward.");
        SessionLayout layout = Prepare(rows);
        return (layout, layout.Backward!);
    }

    // The losses of all positions, and the gradient asked for down to LnFinal.
    float[] RunLoss(SessionLayout layout, LossDescent? descent)
        => LossNeedsLogits ? LossThroughLogits(layout, descent) : LossInChunks(layout, descent);

    // Only tokens with a target take part in the product with the vocabulary.
    float[] LossInChunks(SessionLayout layout, LossDescent? descent)
    {
        Ops ops = _model.Ops;
        int n = layout.Counted;
        Tensor x = layout.Compact.Slice("counted rows", 0, n, _model.Config.Width);
        IndexTensor ids = layout.CountedRows.Slice("ids of counted rows", 0, n);
        IndexTensor targets = layout.Targets.Slice("targets", 0, n);
        Tensor losses = layout.Losses.Slice("losses", 0, n);
        ops.Gather(ids, layout.Activations.LnFinal, x);
        if (descent is not { } down)
            layout.Head.Loss(x, targets, losses, layout.Chunk, null, null);
        else
        {
            Tensor dX = down.Through.CompactGradient.Slice("gradient of counted rows", 0, n, x.Columns);
            layout.Head.Loss(x, targets, losses, layout.Chunk, dX, down.Gradient);
            ops.Fill(down.Through.Memory.LnFinal, 0f);
            ops.ScatterAdd(ids, dX, down.Through.Memory.LnFinal);
        }
        return layout.AtCounted(losses.ToArray());
    }

    float[] LossThroughLogits(SessionLayout layout, LossDescent? descent)
    {
        Tensor logits = LogitsOfAll(layout);
        if (descent is not { } down)
            _model.Ops.CrossEntropy(logits, layout.AllTargets, layout.Losses, null, 0f);
        else
        {
            Tensor dLogits = _pass.Memory.Cut("gradient of the logits", logits.Rows, logits.Columns);
            _model.Ops.CrossEntropy(logits, layout.AllTargets, layout.Losses, dLogits, down.Gradient.Scale);
            if (down.Gradient.Weights is { } weights)
                _model.Ops.ScaleRows(weights, dLogits);
            BackwardOfLogits(layout, down.Through, dLogits, down.Gradient.Into);
        }
        return layout.Losses.ToArray();
    }

    // [B T, V], recorded and edited.
    Tensor LogitsOfAll(SessionLayout layout)
    {
        int rows = layout.B * layout.T, V = _model.Config.VocabSize;
        Tensor logits = layout.AllLogits ?? _pass.Memory.Cut("logits", layout.B, layout.T, V);
        layout.Head.Logits(layout.Activations.LnFinal, logits.Reshape(rows, V));
        _pass.Sites.At(SiteKind.Logits, 0, logits);
        return logits.Reshape(rows, V);
    }

    void BackwardOfLogits(
        SessionLayout layout, SessionBackward backward, Tensor dLogits, ParameterGradients gradients)
    {
        _pass.AtGradient(SiteKind.Logits, 0, dLogits);
        layout.Head.Backward(
            layout.Activations.LnFinal, dLogits, backward.Memory.LnFinal, gradients.Named);
    }

    static double SumOf(float[] losses) => losses.Sum(loss => (double)loss);
}
