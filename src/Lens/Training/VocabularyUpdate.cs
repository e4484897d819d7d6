using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Makes the optimiser's step on a lens' matrix to the vocabulary, block by block of tokens. Each block's
/// gradient is used as soon as it is made, so the whole gradient is never stored, and on the host the block
/// stays in cache.
/// </summary>
sealed class VocabularyUpdate
{
    // 2 MiB on the host fit in the cache: a step of a layer with GPT-2 small's sizes took 0.66 s, with 1 MiB
    // 0.72 s, with 4 MiB 1.2 s. On other devices a launch costs more than memory, so blocks are larger.
    const long HostFloats = 1L << 19, DeviceFloats = 1L << 23;
    const int Multiple = 16; // tokens; so blocks begin at a multiple of 16 floats for every width

    readonly LayerLens _lens;
    readonly VocabularyMoments _moments;
    readonly Tensor _gradient, _biasGradient, _logits, _biasM, _biasV;
    readonly int _blockTokens;
    readonly bool _trainsBias;

    /// <param name="lens">Lens whose <see cref="LayerLens.Vocabulary"/> is trained.</param>
    /// <param name="storage">Storage of the moments.</param>
    /// <param name="arena">Arena for the moments.</param>
    /// <param name="block">Scratch for the gradient of a block; layers may share it.</param>
    internal VocabularyUpdate(LayerLens lens, MomentStorage storage, TensorArena arena, UpdateBlock block)
    {
        _lens = lens;
        (Tensor weight, Tensor bias) = lens.Vocabulary!.Value;
        _blockTokens = block.Tokens;
        _trainsBias = lens.Options.Bias != LensBias.None;
        (_gradient, _biasGradient, _logits) = (block.Gradient, block.BiasGradient, block.Logits);
        _moments = VocabularyMoments.Cut(arena, lens.Model.Ops, storage, weight, _blockTokens);
        _biasM = arena.Cut("m of bias", (int)bias.Length);
        _biasV = arena.Cut("v of bias", (int)bias.Length);
    }

    /// <summary>The tensors of a checkpoint.</summary>
    internal IEnumerable<(string Name, Tensor Tensor)> State
        => [.. _moments.State, ("bias.m", _biasM), ("bias.v", _biasV)];

    /// <summary>The integer tensors of a checkpoint.</summary>
    internal IEnumerable<(string Name, IndexTensor Tensor)> IndexState => _moments.IndexState;

    /// <summary>Returns the number of tokens of a block.</summary>
    internal static int BlockTokens(ComputeDevice device, int width, int V)
    {
        long floats = device.Kind == DeviceKind.Cpu ? HostFloats : DeviceFloats;
        long whole = (V + Multiple - 1L) / Multiple * Multiple;
        return (int)Math.Clamp(floats / width / Multiple * Multiple, Multiple, whole);
    }

    /// <summary>
    /// Returns the first token and the number of tokens of every block, chunk by chunk of the vocabulary.
    /// </summary>
    internal static IEnumerable<(int First, int Tokens)> Blocks(int V, int blockTokens)
    {
        for (int chunk = 0; chunk < V; chunk += VocabularyLoss.DefaultChunk)
        {
            int end = Math.Min(chunk + VocabularyLoss.DefaultChunk, V);
            for (int first = chunk; first < end; first += blockTokens)
                yield return (first, Math.Min(blockTokens, end - first));
        }
    }

    /// <summary>Computes the gradient of a chunk of tokens and makes an AdamW step with it.</summary>
    /// <param name="x">[n, K]: the features.</param>
    /// <param name="first">The chunk's first token.</param>
    /// <param name="dLogits">[n, tokens of the chunk]: gradient of the logits.</param>
    /// <param name="step">Learning rate, decay and number of the step.</param>
    internal void Step(Tensor x, int first, Tensor dLogits, AdamWStep step)
        => InBlocks(x, first, dLogits, (token, gradient, biasGradient) =>
        {
            (Tensor weight, Tensor bias) = _lens.Vocabulary!.Value;
            int tokens = gradient.Rows;
            _moments.Step(weight.SliceRows(token, tokens), gradient, token, step);
            if (!_trainsBias)
                return;
            // Each of the H equal biases takes the step of a single bias; biases do not decay.
            _lens.Ops.AdamW(biasGradient, bias.Slice("bias", token, tokens),
                _biasM.Slice("m", token, tokens), _biasV.Slice("v", token, tokens),
                step with { LearningRate = step.LearningRate * _lens.BiasesInSum, WeightDecay = 0 });
        });

    /// <summary>Returns the sum of squares of a chunk's gradient, over matrix and biases.</summary>
    internal double SquaredNorm(Tensor x, int first, Tensor dLogits)
    {
        double sum = 0;
        InBlocks(x, first, dLogits, (_, gradient, biasGradient) => sum +=
            Math.Pow(_lens.Ops.Norm(gradient), 2)
            + (_trainsBias ? _lens.BiasesInSum : 0) * Math.Pow(_lens.Ops.Norm(biasGradient), 2));
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

/// <summary>Scratch memory for the gradient of a block of tokens.</summary>
sealed class UpdateBlock
{
    /// <param name="arena">Arena for the scratch memory.</param>
    /// <param name="width">Number of columns of the matrix.</param>
    /// <param name="V">Size of the vocabulary.</param>
    /// <param name="positions">Largest number of positions, n.</param>
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
