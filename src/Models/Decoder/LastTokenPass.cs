using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A forward pass whose last block continues with each row's last token alone. After the last attention
/// nothing passes between tokens, so where only the last tokens' logits are wanted the others can stop: three
/// quarters of a block's arithmetic. The logits have the bits of the whole pass.
/// </summary>
/// <remarks>On GPUs the number of rows decides the order of a product's sums, so there it is not
/// used.</remarks>
sealed class LastTokenPass
{
    readonly DecoderForward _all, _last;
    readonly DecoderActivations _from, _to;
    readonly SiteRecorder _sites;
    readonly IndexTensor _rowIds;
    readonly Ops _ops;
    readonly int _block;
    readonly bool _parallel;

    /// <param name="arena">Holds the activations of the last tokens.</param>
    /// <param name="model">The model.</param>
    /// <param name="all">The pass over all tokens.</param>
    /// <param name="activations">Of all tokens.</param>
    /// <param name="pass">The pass in progress.</param>
    /// <param name="attention">The same as of all tokens.</param>
    /// <param name="rowIds">[B]: which of the [B T] rows is the last token of a row of the batch.</param>
    internal LastTokenPass(TensorArena arena, LanguageModel model, DecoderForward all,
        DecoderActivations activations, PassContext pass, AttentionPath attention, IndexTensor rowIds)
    {
        (_all, _from, _rowIds) = (all, activations, rowIds);
        _parallel = model.Config.ParallelResidual;
        (_sites, _ops, _block) = (pass.Sites, model.Ops, model.Config.Layers - 1);
        _to = new DecoderActivations(
            arena, model.Config, (int)rowIds.Length, 1, keep: false, new HashSet<Site>());
        _last = new DecoderForward(model, _to, pass, attention);
    }

    /// <summary>[B, C]: the final LayerNorm's output.</summary>
    internal Tensor Hidden => _to.LnFinal;

    /// <summary>[B]: 1 over the final LayerNorm's scale.</summary>
    internal Tensor Rstd => _to.LnFinalRstd;

    /// <summary>Whether the pass can leave the other tokens: nothing after attention is recorded or
    /// edited.</summary>
    /// <param name="from">Where the pass resumes; null for a pass from the embedding.</param>
    internal bool Applies(ResumePoint? from)
        => !(from?.Layer > _block) && !_sites.UsesAfter(Site.ResidMid(_block));

    /// <summary>From tokens, or from where the pass resumes, to <see cref="Hidden"/>.</summary>
    internal void Run(ResumePoint? from)
    {
        if (from?.Layer == _block && from.AttnOut is not null)
        {
            _all.AddAttention(_block);
            GatherStreams();
        }
        else
            RunAttention(from);
        _last.FeedForward(_block);
        _last.FinalNorm();
    }

    void RunAttention(ResumePoint? from)
    {
        _all.RunTo(_block, from);
        _all.Attend(_block);
        if (!_sites.UsesAfter(Site.Z(_block)))
        {
            _ops.Gather(_rowIds, _from.Z[_block], _to.Z[_block]);
            _ops.Gather(_rowIds, _from.Resid[_block], _to.Resid[_block]);
            _last.ProjectHeads(_block);
            return;
        }
        _all.ProjectHeads(_block);
        GatherStreams();
    }

    void GatherStreams()
    {
        _ops.Gather(_rowIds, _from.ResidMid[_block], _to.ResidMid[_block]);
        if (_parallel) // the feed-forward block reads the stream into the block
            _ops.Gather(_rowIds, _from.Resid[_block], _to.Resid[_block]);
    }
}
