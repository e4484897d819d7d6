using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What is to be forgotten, what kept, and how.</summary>
public sealed record UnlearnTask
{
    /// <summary>The model; a method leaves its bits as they were.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>The rows to forget, token ids; at least one, of two tokens or more each.</summary>
    public required IReadOnlyList<int[]> Forget { get; init; }

    /// <summary>Rows to keep; empty where there are none.</summary>
    public IReadOnlyList<int[]> Keep { get; init; } = [];

    /// <summary>
    /// The rows to forget as they were before something was planted in them; empty where nobody knows.
    /// </summary>
    public IReadOnlyList<int[]> Clean { get; init; } = [];

    /// <summary>n: tokens of a row that are its prompt.</summary>
    public int Prompt { get; init; } = 1;

    /// <summary>k: tokens after them that are to be forgotten.</summary>
    public int Continuation { get; init; } = 1;

    /// <summary>Of everything that is drawn.</summary>
    public ulong Seed { get; init; }

    /// <summary>Which reading of the method.</summary>
    public MethodForm Form { get; init; }

    /// <summary>Options of the method.</summary>
    public MethodOptions Options { get; init; } = new();

    /// <summary>Told the share done.</summary>
    public Action<double>? Progress { get; init; }

    /// <summary>Ends it with <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>Reports progress, and ends where that was asked for.</summary>
    internal void At(double share)
    {
        Cancel.ThrowIfCancellationRequested();
        Progress?.Invoke(share);
    }

    /// <summary>
    /// Throws unless there is something to forget, and to keep where the method looks at that.
    /// </summary>
    /// <exception cref="UserException">There is not.</exception>
    internal void Require(UnlearningMethod method)
    {
        if (Forget.Count == 0)
            throw new UserException("the forget set is empty; expected at least one sequence");
        if (method.NeedsKeep && Keep.Count == 0)
            throw new UserException($"{method.Name} needs rows to keep; give some with --keep");
        foreach ((IReadOnlyList<int[]> rows, string set) in ((IReadOnlyList<int[]>, string)[])
            [(Forget, "forget"), (Keep, "keep"), (Clean, "clean")])
            if (rows.FirstOrDefault(r => r.Length < 2) is not null)
                throw new UserException($"a sequence of the {set} set has fewer than two tokens, so nothing "
                    + "is predicted in it; expected two or more");
            else if (rows.FirstOrDefault(r => r.Length > Model.Config.ContextLength) is { } longest)
                throw new UserException($"a sequence of the {set} set has {longest.Length} tokens; the "
                    + $"model's context is {Model.Config.ContextLength}");
    }
}

/// <summary>
/// Options of methods; null is the method's own default. docs/unlearn.md says who reads which.
/// </summary>
public sealed record MethodOptions
{
    /// <summary>Passes over the rows.</summary>
    public int? Epochs { get; init; }

    /// <summary>Rows of a step.</summary>
    public int? BatchRows { get; init; }

    /// <summary>lr</summary>
    public float? LearningRate { get; init; }

    /// <summary>Of SGD.</summary>
    public float? Momentum { get; init; }

    /// <summary>Shrinks what is trained.</summary>
    public float? WeightDecay { get; init; }

    /// <summary>alpha of BalancedSubnet: the weight of the clean loss.</summary>
    public float? Alpha { get; init; }

    /// <summary>Weight of a penalty: slimming, hard concrete, spectral norm, KL.</summary>
    public float? Lambda { get; init; }

    /// <summary>beta of NPO.</summary>
    public float? Beta { get; init; }

    /// <summary>Steps of integrated gradients' path.</summary>
    public int? PathSteps { get; init; }

    /// <summary>m: gradients of the second-order method.</summary>
    public int? Gradients { get; init; }

    /// <summary>Side of the second-order method's blocks.</summary>
    public int? Block { get; init; }

    /// <summary>Added to the second-order method's Fisher matrix.</summary>
    public float? Damping { get; init; }

    /// <summary>The layer RMU steers.</summary>
    public int? Layer { get; init; }

    /// <summary>Length of the vector RMU steers to; scale of a task vector.</summary>
    public float? Strength { get; init; }

    /// <summary>Share that loss truncation drops, or that example-tied dropout keeps always on.</summary>
    public float? Share { get; init; }

    /// <summary>With which example-tied dropout has another neuron on for an example.</summary>
    public float? Probability { get; init; }

    /// <summary>Losses that loss truncation keeps to cut by.</summary>
    public int? Record { get; init; }
}
