using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// A compression of the weights after unlearning, which may bring back what was forgotten. The matrices of
/// the blocks are compressed; embeddings, unembedding, LayerNorms and biases stay, as quantisers of language
/// models leave them.
/// </summary>
public abstract record WeightCompression
{
    /// <summary>What users write: <c>quantise:int8</c>, <c>prune:0.3</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Reads the form that users write.</summary>
    /// <param name="text"><c>quantise:int8</c>, <c>quantise:int4</c> or <c>prune:P</c>.</param>
    /// <param name="option">Name of the option, for the message.</param>
    /// <exception cref="UserException">It is none of them.</exception>
    public static WeightCompression Parse(string text, string option)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(':');
        if (parts is ["quantise" or "quantize", "int8"])
            return new RoundToNearest(8);
        if (parts is ["quantise" or "quantize", "int4"])
            return new RoundToNearest(4);
        if (parts is ["prune", { } share]
            && double.TryParse(share, NumberStyles.Float, CultureInfo.InvariantCulture, out double p)
            && p is >= 0 and < 1)
            return new MagnitudePruning(p);
        throw new UserException($"{Field.Of(option)} is {Quoted.Name(text)}; expected quantise:int8, "
            + "quantise:int4 or prune:P with P from 0 to below 1");
    }

    /// <summary>Compresses a model's weights in place; they stay float32.</summary>
    public void Apply(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach (NamedBlock<Tensor> block in model.Weights.Layers)
            foreach (Tensor weight in (Tensor[])
                [block.QkvWeight, block.ProjWeight, block.MlpInWeight, block.MlpOutWeight])
            {
                float[] values = weight.ToArray();
                Compress(values, weight.Columns);
                weight.Upload(values);
            }
    }

    /// <summary>Measures what a model recites under each compression, every time from the weights as they
    /// are; afterwards they are the same bits.</summary>
    /// <param name="model">The model.</param>
    /// <param name="compressions">Compressions to try.</param>
    /// <param name="asked">Sequences to ask for.</param>
    /// <param name="options">Options of the measure.</param>
    /// <param name="cancel">Stops between two compressions.</param>
    /// <returns>One measure a compression, in order.</returns>
    public static IReadOnlyList<Memorisation> Measure(LanguageModel model,
        IReadOnlyList<WeightCompression> compressions, IReadOnlyList<PlantedSequence> asked,
        MemorisationOptions options, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(compressions);
        var weights = WeightSnapshot.Of(model);
        return [.. compressions.Select(compression =>
        {
            cancel.ThrowIfCancellationRequested();
            compression.Apply(model);
            var found = Memorisation.Measure(model, asked, options);
            weights.Restore(model);
            return found;
        })];
    }

    /// <summary>Compresses one matrix in place.</summary>
    /// <param name="weights">[inputs, outputs], row-major.</param>
    /// <param name="outputs">Number of outputs.</param>
    internal abstract void Compress(float[] weights, int outputs);
}
