using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The moments of the trained parameters and the step that uses them, for any loop that has gradients.
/// Parameters that lie side by side and decay alike are one call of the op.
/// </summary>
public sealed class OptimizerState
{
    readonly Ops _ops;
    readonly OptimizerOptions _options;
    readonly List<Run> _runs = [];

    /// <summary>Side by side in the weights and in the gradients, with one weight decay.</summary>
    sealed record Run(Tensor Weight, Tensor Gradient, Tensor[] Moments, float Decay);

    /// <summary>Cuts zeroed moments of the parameters that have gradients: the state before step 1.</summary>
    /// <param name="arena">Where; <see cref="TensorArena.Measure"/> counts the floats.</param>
    /// <param name="model">Its weights are what steps change.</param>
    /// <param name="gradients">What steps read; never written here.</param>
    /// <param name="options">AdamW or SGD. Its learning rate is not read: a step is given one.</param>
    /// <exception cref="ArgumentException">The options are wrong.</exception>
    public OptimizerState(TensorArena arena, LanguageModel model, ParameterGradients gradients,
        OptimizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(gradients);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problem() is { } wrong)
            throw new ArgumentException(wrong, nameof(options));
        (_ops, _options) = (model.Ops, options);
        IReadOnlySet<string> trained = gradients.Set.Included.Select(s => s.Name).ToHashSet();
        Moments = [.. MomentNames(options).Select(name =>
            (name, new FlatParameters(arena, model.Parameters, $"{name} of ", trained)))];
        IReadOnlyList<ParameterSlice> slices = gradients.Set.Included;
        for (int first = 0, end; first < slices.Count; first = end)
        {
            end = first + 1;
            while (end < slices.Count && Continues(model.Set, gradients.Set, slices[end - 1], slices[end]))
                end++;
            _runs.Add(Cut(model.Set, gradients.Set, slices, first, end));
        }
    }

    /// <summary>
    /// Every moment with the name it has in a checkpoint, "m.h.0.mlp.c_fc.weight": what a
    /// <see cref="StateFile"/> saves and restores.
    /// </summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Tensors =>
        [.. Moments.SelectMany(moment => moment.Set.Included.Select(slice =>
            ($"{moment.Name}.{slice.Name}", moment.Set[slice.Name])))];

    /// <summary>m and v, or the momentum, each as one vector.</summary>
    internal IReadOnlyList<(string Name, FlatParameters Set)> Moments { get; }

    /// <summary>Calls of the op a step makes.</summary>
    internal int Runs => _runs.Count;

    /// <summary>The names of the moments of every optimiser.</summary>
    internal static IReadOnlyList<string> AllMoments { get; } =
        [.. MomentNames(new AdamWOptions()), .. MomentNames(new SgdOptions { Momentum = 1 })];

    /// <summary>The moments that an optimiser keeps.</summary>
    internal static string[] MomentNames(OptimizerOptions options) => options switch
    {
        AdamWOptions => ["m", "v"],
        SgdOptions { Momentum: > 0 } => ["momentum"],
        _ => [],
    };

    /// <summary>One step: moments and weights change in place.</summary>
    /// <param name="rate">The learning rate of this step.</param>
    /// <param name="step">1 for the first; AdamW's correction of its moments depends on it.</param>
    /// <param name="gradientScale">Multiplies the gradient: the clip factor.</param>
    public void Step(float rate, int step, float gradientScale = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        foreach (Run run in _runs)
            if (_options is AdamWOptions adamw)
                _ops.AdamW(run.Gradient, run.Weight, run.Moments[0], run.Moments[1], new AdamWStep(
                    rate, adamw.Beta1, adamw.Beta2, adamw.Epsilon, run.Decay, step, gradientScale));
            else if (_options is SgdOptions sgd)
                _ops.Sgd(run.Gradient, run.Weight, run.Moments.FirstOrDefault(run.Gradient), new SgdStep(
                    rate, sgd.Momentum, sgd.Dampening, run.Decay, sgd.Nesterov, step == 1, gradientScale));
    }

    bool Continues(FlatParameters weights, FlatParameters gradients, ParameterSlice last,
        ParameterSlice next) =>
        Follows(weights, last, next) && Follows(gradients, last, next)
        && _options.DecayOf(last) == _options.DecayOf(next);

    static bool Follows(FlatParameters set, ParameterSlice last, ParameterSlice next)
    {
        (int block, long offset) = set.PlaceOf(last.Name);
        return set.PlaceOf(next.Name) == (block, offset + last.Length);
    }

    Run Cut(FlatParameters weights, FlatParameters gradients,
        IReadOnlyList<ParameterSlice> slices, int first, int end)
    {
        long length = slices.Skip(first).Take(end - first).Sum(s => s.Length);
        string name = end - first == 1 ? slices[first].Name
            : $"{slices[first].Name} to {slices[end - 1].Name}";
        return new Run(In(weights), In(gradients), [.. Moments.Select(m => In(m.Set))],
            _options.DecayOf(slices[first]));

        Tensor In(FlatParameters set)
        {
            (int block, long offset) = set.PlaceOf(slices[first].Name);
            return set.Blocks[block].Slice(name, offset, checked((int)length));
        }
    }
}
