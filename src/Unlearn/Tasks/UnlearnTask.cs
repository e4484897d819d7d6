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
    /// The rows to forget as they were before something was planted in them; empty where that is not known.
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
    public MethodSettings Options { get; init; } = new();

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
    /// Throws unless there are rows to forget, rows to keep where the method reads them, and the options are
    /// the method's.
    /// </summary>
    /// <exception cref="UserException">Rows are missing or have the wrong length, or an option is
    /// wrong.</exception>
    internal void Require(UnlearningMethod method)
    {
        if (Forget.Count == 0)
            throw new UserException("the forget set is empty; expected at least one sequence");
        if (method.NeedsKeep && Keep.Count == 0)
            throw new UserException($"{method.Name} needs rows to keep; give some with Keep", nameof(Keep));
        foreach ((IReadOnlyList<int[]> rows, string set) in ((IReadOnlyList<int[]>, string)[])
            [(Forget, "forget"), (Keep, "keep"), (Clean, "clean")])
            if (rows.FirstOrDefault(r => r.Length < 2) is not null)
                throw new UserException($"a sequence of the {set} set has fewer than two tokens, so nothing "
                    + "is predicted in it; expected two or more");
            else if (rows.FirstOrDefault(r => r.Length > Model.Config.ContextLength) is { } longest)
                throw new UserException($"a sequence of the {set} set has {longest.Length} tokens; the "
                    + $"model's context is {Model.Config.ContextLength}");
        Options.Require(method);
    }
}
