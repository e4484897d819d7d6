using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The optimiser's step on a lens' vocabulary side, a block of tokens at a time: the block's gradient is made
/// and used at once, so a gradient as large as the weights never exists, and on the host it stays in cache.
/// </summary>
sealed class VocabularyUpdate
{
    // 2 MiB on the host, which caches hold: a step of a layer as GPT-2 small's took 0.66 s, with 1 MiB 0.72 s
    // and with 4 MiB 1.2 s. More elsewhere, where a launch costs more than memory.
    const long HostFloats = 1L << 19, DeviceFloats = 1L << 23;
    const int Multiple = 16; // tokens: with any width, blocks begin at a multiple of 16 floats

    readonly LayerLens _lens;
    readonly VocabularyMoments _moments;
    readonly Tensor _gradient, _biasGradient, _logits, _biasM, _biasV;
    readonly int _blockTokens;

    /// <param name="lens">Its <see cref="LayerLens.Vocabulary"/> is trained.</param>
    /// <param name="storage">How moments are kept.</param>
    /// <param name="arena">Where moments are cut.</param>
    /// <param name="block">Where a block's gradient is made; layers may share it.</param>
    internal VocabularyUpdate(LayerLens lens, MomentStorage storage, TensorArena arena, UpdateBlock block)
    {
        _lens = lens;
        (Tensor weight, Tensor bias) = lens.Vocabulary!.Value;
        _blockTokens = block.Tokens;
        (_gradient, _biasGradient, _logits) = (block.Gradient, block.BiasGradient, block.Logits);
        _moments = VocabularyMoments.Cut(arena, lens.Model.Ops, storage, weight, _blockTokens);
        _biasM = arena.Cut("m of bias", (int)bias.Length);
        _biasV = arena.Cut("v of bias", (int)bias.Length);
    }

    /// <summary>Everything that a checkpoint keeps of it.</summary>
    internal IEnumerable<(string Name, Tensor Tensor)> State
        => [.. _moments.State, ("bias.m", _biasM), ("bias.v", _biasV)];

    /// <summary>The same, of whole numbers.</summary>
    internal IEnumerable<(string Name, IndexTensor Tensor)> IndexState => _moments.IndexState;

    /// <summary>Tokens of a block.</summary>
    internal static int BlockTokens(ComputeDevice device, int width, int V)
    {
        long floats = device.Kind == DeviceKind.Cpu ? HostFloats : DeviceFloats;
        long whole = (V + Multiple - 1L) / Multiple * Multiple;
        return (int)Math.Clamp(floats / width / Multiple * Multiple, Multiple, whole);
    }

    /// <summary>First token and tokens of every block, chunk after chunk of the vocabulary.</summary>
    internal static IEnumerable<(int First, int Tokens)> Blocks(int V, int blockTokens)
    {
        for (int chunk = 0; chunk < V; chunk += VocabularyLoss.DefaultChunk)
        {
            int end = Math.Min(chunk + VocabularyLoss.DefaultChunk, V);
            for (int first = chunk; first < end; first += blockTokens)
                yield return (first, Math.Min(blockTokens, end - first));
        }
    }

    /// <summary>Makes the gradient of a chunk of tokens and steps with it.</summary>
    /// <param name="x">[n, K]: the features.</param>
    /// <param name="first">The chunk's first token.</param>
    /// <param name="dLogits">[n, tokens of the chunk]</param>
    /// <param name="step">Rate, decay and the number of the step.</param>
    internal void Step(Tensor x, int first, Tensor dLogits, AdamWStep step)
        => InBlocks(x, first, dLogits, (token, gradient, biasGradient) =>
        {
            (Tensor weight, Tensor bias) = _lens.Vocabulary!.Value;
            int tokens = gradient.Rows;
            _moments.Step(weight.SliceRows(token, tokens), gradient, token, step);
            // Of H equal biases in the sum each moves as one would, and none decays.
            _lens.Ops.AdamW(biasGradient, bias.Slice("bias", token, tokens),
                _biasM.Slice("m", token, tokens), _biasV.Slice("v", token, tokens),
                step with { LearningRate = step.LearningRate * _lens.BiasesInSum, WeightDecay = 0 });
        });

    /// <summary>Sum of squares of a chunk's gradient, over all parameters of the lens.</summary>
    internal double SquaredNorm(Tensor x, int first, Tensor dLogits)
    {
        double sum = 0;
        InBlocks(x, first, dLogits, (_, gradient, biasGradient) => sum +=
            Math.Pow(_lens.Ops.Norm(gradient), 2)
            + _lens.BiasesInSum * Math.Pow(_lens.Ops.Norm(biasGradient), 2));
        return sum;
    }

    void InBlocks(Tensor x, int first, Tensor dLogits, Action<int, Tensor, Tensor> use)
    {
        Ops ops = _lens.Ops;
        int n = dLogits.Rows;
        for (int start = 0; start < dLogits.Columns; start += _blockTokens)
        {
            int tokens = Math.Min(_blockTokens, dLogits.Columns - start);
            Tensor block = dLogits;
            if (tokens < dLogits.Columns)
            {
                block = _logits.Slice("gradient of a block's logits", 0, n, tokens);
                ops.CopyColumns(dLogits, block, start);
            }
            Tensor gradient =
                _gradient.Slice(_gradient.Name, 0, tokens, _lens.Vocabulary!.Value.Weight.Columns);
            Tensor biasGradient = _biasGradient.Slice("gradient of a block's bias", 0, tokens);
            _lens.WeightGradient(x, block, gradient);
            ops.Fill(biasGradient, 0f);
            ops.BiasGradient(block, biasGradient);
            use(first + start, gradient, biasGradient);
        }
    }
}

/// <summary>Scratch memory in which the gradient of a block of tokens is made.</summary>
sealed class UpdateBlock
{
    /// <param name="arena">Where it is cut.</param>
    /// <param name="width">Columns of the weight.</param>
    /// <param name="V">Tokens of the vocabulary.</param>
    /// <param name="positions">n at most.</param>
    internal UpdateBlock(TensorArena arena, int width, int V, int positions)
    {
        Tokens = VocabularyUpdate.BlockTokens(arena.Device, width, V);
        Gradient = arena.Cut("gradient of a block", Tokens, width);
        BiasGradient = arena.Cut("gradient of a block's bias", Tokens);
        Logits = arena.Cut("gradient of a block's logits", positions, Tokens);
    }

    internal int Tokens { get; }

    internal Tensor Gradient { get; }

    internal Tensor BiasGradient { get; }

    internal Tensor Logits { get; }
}
