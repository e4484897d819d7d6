using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Example-tied dropout (Maini et al. 2023, arXiv 2307.09542; R3 of arXiv 2410.02159). In each feed-forward
/// layer a share of the neurons is always on. Each other neuron is on for an example with a fixed
/// probability. The choice is the same whenever the example returns, so that memorised content can settle in
/// these neurons. After training the other neurons are switched off and the fixed ones scaled by (share +
/// probability) / share.
/// </summary>
/// <remarks>
/// Corrected form: the mask is over neurons, and the finished model has it folded into
/// <see cref="Role.MlpOutWeight"/>. Reference form: the mask is over positions of the context (dimension 1 of
/// a layer's output). Masks are drawn for the examples of the first batch only; every other example has a
/// mask of zeros, so its feed-forward layers write nothing in training. Weights cannot express a mask over
/// positions, so at evaluation it is an edit.
/// </remarks>
public sealed class ExampleTiedDropout : TrainingRegulariser
{
    static readonly MethodOption
        s_share = MethodOption.Number("Share", 0.2, OptionRange.ShareAboveZero,
            "share of the neurons of a layer that is always on"),
        s_probability = MethodOption.Number("Probability", 0.1, OptionRange.ZeroToOne,
            "probability p that another neuron is on for an example");

    readonly float _share, _probability;
    readonly MethodForm _form;
    readonly ulong _seed;
    HashSet<int>? _firstBatch;

    /// <param name="share">Share of the neurons (reference form: positions) that are always on; above 0, at
    /// most 1.</param>
    /// <param name="probability">Probability that another neuron is on for an example, 0 to 1.</param>
    /// <param name="form">Form of the method.</param>
    /// <param name="seed">Seed of the masks.</param>
    /// <exception cref="UserException">An option is outside its range.</exception>
    public ExampleTiedDropout(float share, float probability, MethodForm form, ulong seed)
    {
        (_share, _probability) = ((float)s_share.Checked(share), (float)s_probability.Checked(probability));
        (_form, _seed) = (form, seed);
    }

    /// <summary>The regulariser's declaration: name, paper, equation, options.</summary>
    public static RegulariserKind Kind { get; } = new("example-tied-dropout",
        "arXiv 2410.02159 (R3), after arXiv 2307.09542",
        "in each layer a share of neurons is always on, each other one for an example with probability p; "
            + "after training those are off and the fixed ones are scaled by (share + p) / share",
        [s_share, s_probability], (_, given, form, seed) => new ExampleTiedDropout(
            given.Number(s_share), given.Number(s_probability), form, seed));

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    float EvaluationScale => (_share + _probability) / _share;

    /// <inheritdoc/>
    public override IDisposable ForEvaluation(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (_form == MethodForm.Reference)
            return new WeightSnapshotScope(edits: model.Attach(EvaluationEdits(model.Config)));
        MlpMatrix[] matrices = [.. MlpMatrix.Of(model).Where(m => m.Role == Role.MlpOutWeight)];
        WeightSnapshot before = WeightSnapshot.Of(model, matrices.Select(m => m.Name).ToHashSet());
        int on = Fixed(model.Config.Inner) * model.Config.Width;
        foreach (MlpMatrix matrix in matrices)
        {
            float[] values = new float[matrix.Weight.Length];
            for (int i = 0; i < on; i++)
                values[i] = before[matrix.Name][i] * EvaluationScale;
            matrix.Weight.Upload(values);
        }
        return new WeightSnapshotScope(model, before);
    }

    /// <summary>
    /// Returns which of <paramref name="length"/> neurons or positions are on for an example.
    /// </summary>
    internal bool[] On(int length, int layer, int example)
    {
        // One stream per layer and example; the reference uses one per example.
        var random = new SeededRandom(_seed, ((ulong)(uint)layer << 32) + (uint)example + 1);
        bool[] on = new bool[length];
        for (int i = 0; i < length; i++)
            on[i] = i < Fixed(length) || random.NextDouble() < _probability;
        return on;
    }

    /// <summary>Returns the edit that masks a pass over the rows of these examples.</summary>
    internal Edit TrainingEdit(int[] examples)
    {
        if (_form == MethodForm.Reference)
            return Switch("blocks.*.hook_mlp_out", ByPosition);
        return Switch("blocks.*.mlp.hook_post", ByNeuron);

        static Edit Switch(SitePattern site, EditFunction function) => Edit.Call(site, function, function);

        void ByNeuron(EditContext c)
        {
            bool[][] on = Array.ConvertAll(examples, example => On(c.Width, c.Site.Layer, example));
            for (int r = 0; r < c.Rows.Count; r++)
                for (int i = 0; i < c.Width; i++)
                    if (!on[c.Rows[r].BatchRow][i])
                        c.Values[r * c.Width + i] = 0;
        }

        void ByPosition(EditContext c)
        {
            int T = c.Rows.Max(r => r.Position) + 1;
            bool[][] on = Array.ConvertAll(examples, example =>
                _firstBatch?.Contains(example) == true ? On(T, 0, example) : new bool[T]);
            for (int r = 0; r < c.Rows.Count; r++)
                if (!on[c.Rows[r].BatchRow][c.Rows[r].Position])
                    c.Values.AsSpan(r * c.Width, c.Width).Clear();
        }
    }

    private protected override double Add(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch)
    {
        // The first batch depends on the seed alone, so a resumed run gets the same one.
        _firstBatch ??= [.. trainer.Epoch(0, rows.Count).First()];
        double loss = 0, positions = batch.Sum(b => rows[b].Length - 1);
        foreach (int[] pass in batch.Chunk(trainer.Passes.RowsInPass))
        {
            int[][] part = [.. pass.Select(b => rows[b])];
            double share = part.Sum(r => r.Length - 1) / positions;
            using (trainer.Passes.Model.Attach(TrainingEdit(pass)))
                loss += share * trainer.Passes.AddMean(part, share);
        }
        return loss;
    }

    int Fixed(int length) => (int)(_share * (double)length);

    Edit[] EvaluationEdits(ModelConfig config)
    {
        int on = Fixed(config.ContextLength);
        return
        [
            new Edit
            {
                Site = "blocks.*.hook_mlp_out", Operation = EditOperation.Zero,
                Positions = EditPositions.From(on),
            },
            new Edit
            {
                Site = "blocks.*.hook_mlp_out", Operation = EditOperation.Scale, Alpha = EvaluationScale,
                Positions = EditPositions.List([.. Enumerable.Range(0, on)]),
            },
        ];
    }
}
