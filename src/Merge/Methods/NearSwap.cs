using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// Moves the base to a model where they are near: each number by a share that falls with their distance (as
/// mergekit defines it; there is no paper).
/// </summary>
public sealed class NearSwap : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "nearswap";

    /// <inheritdoc/>
    public override string Paper => "mergekit";

    /// <inheritdoc/>
    public override string Equation => "theta_0 + min(1, t / |t_1|) t_1";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override int MostModels => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [T];

    /// <summary>The distance up to which a number becomes the model's.</summary>
    public static MergeParameter T { get; } = new(
        "t", null, 0, double.PositiveInfinity, "the distance up to which a number is taken from the model");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        return new Merge(tensor, settings.Of(T));
    }

    sealed class Merge(ParentTensor tensor, double t) : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            float[] piece = ArrayPool<float>.Shared.Rent(to.Length);
            try
            {
                Span<float> model = piece.AsSpan(0, to.Length);
                tensor.Read(0, start, model);
                tensor.ReadBase(start, to);
                for (int i = 0; i < to.Length; i++)
                {
                    double change = (double)model[i] - to[i], distance = Math.Abs(change);
                    to[i] = distance <= t ? model[i] : (float)(to[i] + t / distance * change);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(piece);
            }
        }
    }
}
