using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Second-order: removes the weights whose removal raises the forget set's loss most by the optimal brain
/// surgeon's estimate, <c>w^2 / (2 diag F^-1)</c>. F is the block-diagonal empirical Fisher matrix <c>damping
/// I + (1/m) sum_k g_k g_k^T</c> of the gradients g of m batches (arXiv 2410.02159, after oBERT, arXiv
/// 2203.07259). The other weights do not change.
/// </summary>
/// <remarks>
/// Corrected form: g is the gradient of one batch. Reference form: gradients are never zeroed, so each g is
/// the sum of all gradients so far, and biases are edited too. F is summed and factored (L L^T) per block.
/// The reference updates F^-1 by rank-one steps, which gives the same number but loses digits to
/// cancellation.
/// </remarks>
public sealed class SecondOrder : UnlearningMethod
{
    readonly long _mostBytes;

    /// <summary>Makes the method; its Fisher matrices take at most half of the host's memory.</summary>
    public SecondOrder() : this(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2) { }

    /// <param name="mostBytes">Most bytes for Fisher matrices. Parameters that do not fit are done later, and
    /// their gradients computed again.</param>
    internal SecondOrder(long mostBytes) => _mostBytes = mostBytes;

    /// <inheritdoc/>
    public override string Name => "second-order";

    /// <inheritdoc/>
    public override string Title => "Second order";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2203.07259";

    /// <inheritdoc/>
    public override string Equation =>
        "the largest w^2 / (2 diag F^-1) of each matrix, F = damping I + (1/m) sum g g^T in blocks "
        + "of consecutive weights, g the gradient of one batch";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Weight;

    /// <inheritdoc/>
    public override string BudgetOf => "of each MLP weight matrix";

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override bool Seeded => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [BatchRows, Gradients, Block, Damping];

    /// <summary>Number of rows per gradient; at least 1.</summary>
    public static MethodOption BatchRows { get; } = StepOptions.BatchRows(64);

    /// <summary>Number of gradients m; at least 1.</summary>
    public static MethodOption Gradients { get; } = MethodOption.Whole(
        "Gradients", 512, OptionRange.AtLeastOne, "number m of gradients");

    /// <summary>Number of consecutive weights per block of F; at least 1.</summary>
    public static MethodOption Block { get; } = MethodOption.Whole(
        "Block", 50, OptionRange.AtLeastOne, "consecutive weights of a block of F");

    /// <summary>Number added to the diagonal of F; above 0.</summary>
    public static MethodOption Damping { get; } = MethodOption.Number(
        "Damping", 1e-7, OptionRange.Positive, "added to the diagonal of F");

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        Budget(budget);
        task.Require(this);
        int gradients = task.Options.Whole(Gradients), block = task.Options.Whole(Block);
        float damping = task.Options.Number(Damping);
        int batchRows = task.Options.Whole(BatchRows);
        IReadOnlyList<string> names = task.Form == MethodForm.Reference ? MlpMatrix.WithBiases(task.Model)
            : [.. MlpMatrix.Of(task.Model).Select(m => m.Name)];
        List<string[]> groups = Groups(task.Model.Parameters, names, block);
        var scores = new List<(string, float[])>();
        for (int group = 0; group < groups.Count; group++)
        {
            var fishers = groups[group].ToDictionary(name => name, name =>
                new BlockFisher((int)task.Model.Parameters[name].Length, block));
            int already = group;
            AddGradients(task, batchRows, gradients, fishers,
                share => task.At((already + share) / groups.Count));
            scores.AddRange(groups[group].Select(name => (name, Scores(
                task.Model.Set[name].ToArray(), fishers[name].InverseDiagonal(gradients, damping)))));
        }
        task.At(1);
        return new WeightFinding(scores);
    }

    static void AddGradients(UnlearnTask task, int batchRows, int gradients,
        Dictionary<string, BlockFisher> fishers, Action<double> at)
    {
        SeededRandom order = RowMix.Order(task.Seed); // every group gets the same batches
        using var rows = new RowGradients(
            task.Model, fishers.Keys.ToHashSet(), task.Forget.Max(r => r.Length));
        int taken = 0;
        while (taken < gradients)
            foreach (int[][] batch in RowMix.Shuffled(task.Forget, batchRows, order).Take(gradients - taken))
            {
                at(taken++ / (double)gradients);
                if (task.Form == MethodForm.Corrected)
                    rows.Clear();
                rows.AddMean(batch);
                foreach ((string name, BlockFisher fisher) in fishers)
                    fisher.Add(rows.Gradients.Set[name].ToArray());
            }
    }

    static float[] Scores(float[] weights, double[] inverseDiagonal)
        => [.. weights.Select((w, i) => (float)((double)w * w / (2 * inverseDiagonal[i])))];

    // Groups parameters in checkpoint order, each group as large as fits into memory.
    List<string[]> Groups(ParameterLayout parameters, IReadOnlyList<string> names, int block)
    {
        var groups = new List<string[]>();
        for (int first = 0, end; first < names.Count; first = end)
        {
            long bytes = 0;
            for (end = first; end < names.Count; end++)
            {
                bytes += BlockFisher.Bytes(parameters[names[end]].Length, block);
                if (bytes > _mostBytes && end == first)
                    throw new UserException($"second-order needs {MemoryPlan.Text(bytes)} of the host's "
                        + $"memory for the Fisher blocks of {names[end]} alone, and may take "
                        + $"{MemoryPlan.Text(_mostBytes)}; try a smaller {Field.Of("Block")} than {block}");
                if (bytes > _mostBytes)
                    break;
            }
            groups.Add([.. names.Skip(first).Take(end - first)]);
        }
        return groups;
    }
}
