using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The input of a method: model, rows to forget and to keep, options, seed.</summary>
public sealed record UnlearnTask
{
    /// <summary>The model; a method restores its weights bit for bit.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>Token ids of the rows to forget; at least one row, each of at least two tokens.</summary>
    public required IReadOnlyList<int[]> Forget { get; init; }

    /// <summary>Token ids of the rows to keep; may be empty.</summary>
    public IReadOnlyList<int[]> Keep { get; init; } = [];

    /// <summary>The forget rows before anything was planted in them; empty if not known.</summary>
    public IReadOnlyList<int[]> Clean { get; init; } = [];

    /// <summary>Number n of prompt tokens of a row.</summary>
    public int Prompt { get; init; } = 1;

    /// <summary>Number k of tokens after the prompt that are to be forgotten.</summary>
    public int Continuation { get; init; } = 1;

    /// <summary>Seed of all random numbers.</summary>
    public ulong Seed { get; init; }

    /// <summary>The form of the method.</summary>
    public MethodForm Form { get; init; }

    /// <summary>Option values of the method.</summary>
    public MethodSettings Options { get; init; } = new();

    /// <summary>Callback that gets the share done, 0 to 1.</summary>
    public Action<double>? Progress { get; init; }

    /// <summary>Token that ends the work with <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>Reports progress, and throws if cancellation was requested.</summary>
    internal void At(double share)
    {
        Cancel.ThrowIfCancellationRequested();
        Progress?.Invoke(share);
    }

    /// <summary>
    /// Checks that there are rows to forget, rows to keep if the method reads them, and valid options.
    /// </summary>
    /// <exception cref="UserException">Rows are missing or have the wrong length, or an option is
    /// wrong.</exception>
    internal void Require(UnlearningMethod method)
    {
        if (Forget.Count == 0)
            throw new UserException("the forget set is empty; expected at least one sequence");
        if (method.NeedsKeep && Keep.Count == 0)
            throw new UserException($"{method.Name} needs rows to keep; give some with "
                + $"{Field.Of(nameof(Keep))}");
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
