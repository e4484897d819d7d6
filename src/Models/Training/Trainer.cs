using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What one optimiser step did.</summary>
/// <param name="Step">1 for the first.</param>
/// <param name="Loss">Mean cross-entropy of the step's tokens before the step, nats.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="Tokens">Tokens whose loss counted, since the run began.</param>
public sealed record TrainingStep(int Step, double Loss, float LearningRate,
    double GradientNorm, long Tokens);

/// <summary>
/// The steps of a training run: batches, gradients added up, clip, optimiser. Two trainers made alike give
/// the same bits, on any number of threads.
/// </summary>
public sealed class Trainer : IDisposable
{
    readonly LanguageModel _model;
    readonly TokenBatches _batches;
    readonly TokenBatchOptions _rows;
    readonly TensorArena _arena;
    readonly ParameterGradients _gradients;
    readonly ModelSession _session;

    /// <summary>A trainer at step 0. The model's weights are those that are there.</summary>
    /// <param name="model">Trained in place; its owner disposes it, after this.</param>
    /// <param name="config">How.</param>
    /// <param name="data">The tokens.</param>
    /// <exception cref="UserException">The job does not fit the device, a glob matches nothing, or a row does
    /// not fit the context or the data.</exception>
    public Trainer(LanguageModel model, TrainingConfig config, TokenDataset data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        (_model, Config) = (model, config.Validated());
        int T = Config.TokensPerRow != 0 ? Config.TokensPerRow : model.Config.ContextLength;
        if (Config.RowProblem(model.Config) is { } wrong)
            throw new UserException(wrong + ".");
        _rows = new TokenBatchOptions(Config.BatchRows, T, Config.Rows, Config.Texts.Bos);
        _batches = new TokenBatches(data, _rows, Config.Seed);
        DataHash = data.Hash;
        Steps = Config.Steps ?? (int)Math.Ceiling(
            (double)Config.Epochs!.Value * _batches.RowsPerEpoch
            / ((double)Config.BatchRows * Config.Accumulation));
        IReadOnlySet<string> trained = Trained(model.Parameters, Config);
        var options = new SessionOptions { MaxRows = Config.BatchRows, MaxTokens = T, Backward = true };
        Plan = MakePlan(model.Device, model.Parameters, Config, trained)
            .Add("activations", ModelSession.Floats(model, options));
        Plan.Require("a smaller batch_rows (with more accumulation), fewer tokens_per_row or fewer "
            + "parameters in train");
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, arena =>
            _ = new OptimizerState(arena, model, new ParameterGradients(arena, model.Parameters, trained),
                Config.Optimizer)),
            "gradients and moments");
        try
        {
            _gradients = new ParameterGradients(_arena, model.Parameters, trained);
            Optimizer = new OptimizerState(_arena, model, _gradients, Config.Optimizer);
            _session = new ModelSession(model, options);
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    /// <summary>How it trains.</summary>
    public TrainingConfig Config { get; }

    /// <summary>The model.</summary>
    public LanguageModel Model => _model;

    /// <summary>What the run takes beside the weights.</summary>
    public MemoryPlan Plan { get; }

    /// <summary>Steps of the whole run.</summary>
    public int Steps { get; }

    /// <summary>Steps done.</summary>
    public int Step { get; internal set; }

    /// <summary>Tokens whose loss counted so far.</summary>
    public long Tokens { get; internal set; }

    /// <summary>Where the next step's rows begin.</summary>
    public EpochPosition Position
    {
        get => _batches.Position;
        internal set => _batches.Position = value;
    }

    /// <summary><see cref="TokenDataset.Hash"/> of the data.</summary>
    public string DataHash { get; }

    internal OptimizerState Optimizer { get; }

    /// <summary>Makes one optimiser step.</summary>
    /// <exception cref="UserException">The loss or the gradient is not finite; the weights are as
    /// before.</exception>
    public TrainingStep Next()
    {
        Ops ops = _model.Ops;
        TokenBatch[] batches = [.. Enumerable.Range(0, Config.Accumulation).Select(_ => _batches.Next())];
        // The mean is over all tokens of the step: batches of padded rows weigh as many tokens as they have.
        int counted = batches.Sum(Counted);
        _gradients.Clear(ops);
        double sum = 0;
        foreach (TokenBatch batch in batches)
            sum += _session.ForwardBackward(Rows(batch), batch.Targets, _gradients, 1f / counted).Sum;
        (double loss, double norm) = (sum / counted, GradientNorm());
        if ((!double.IsFinite(loss) || !double.IsFinite(norm)) && Step == 0)
            throw new UserException($"step 1: the loss is {loss} and the gradient's norm {norm} before any "
                + $"weight was changed{FirstSite(batches)}; training stopped.");
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw new UserException(
                $"step {Step + 1}: the loss is {loss} and the gradient's norm {norm}; training "
                + "stopped. Try a lower learning_rate, more warmup_steps or a smaller clip.");
        float rate = Config.Schedule.Rate(Step + 1, Steps, Config.Optimizer.LearningRate);
        // As torch.nn.utils.clip_grad_norm_; Ops.ClipFactor is the same for one vector.
        float clip = Config.Clip > 0 ? (float)Math.Min(1.0, Config.Clip / (norm + 1e-6)) : 1f;
        Optimizer.Step(rate, ++Step, clip);
        Tokens += counted;
        return new TrainingStep(Step, loss, rate, norm, Tokens);
    }

    string FirstSite(TokenBatch[] batches)
    {
        foreach (TokenBatch batch in batches)
            if (NonfinitePass.First(_model, Rows(batch)) is { } site)
                return $": {site}";
        return "";
    }

    /// <summary>Mean cross-entropy over all tokens of other texts, nats; changes nothing.</summary>
    public double Evaluate(TokenDataset texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        double sum = 0;
        long counted = 0;
        foreach (TokenBatch batch in TokenBatches.InOrder(texts, _rows))
        {
            int tokens = Counted(batch);
            sum += _session.Loss(Rows(batch), batch.Targets) * tokens;
            counted += tokens;
        }
        return sum / counted;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _arena.Dispose();
    }

    /// <summary>What a run takes beside weights and activations.</summary>
    internal static MemoryPlan MakePlan(
        ComputeDevice device, ParameterLayout parameters, TrainingConfig config, IReadOnlySet<string> trained)
    {
        long length = ParameterGradients.Length(parameters, trained);
        var plan = new MemoryPlan(device).Add("gradients", length);
        int moments = OptimizerState.MomentNames(config.Optimizer).Length;
        return moments == 0 ? plan : plan.Add("moments", moments * length);
    }

    internal static IReadOnlySet<string> Trained(ParameterLayout parameters, TrainingConfig config) =>
        config.Train.SelectMany(parameters.Match).Select(s => s.Name).ToHashSet();

    double GradientNorm()
    {
        IReadOnlyList<Tensor> blocks = _gradients.Set.Blocks;
        return blocks.Count == 1
            ? _model.Ops.Norm(blocks[0])
            : Math.Sqrt(blocks.Sum(block => Math.Pow(_model.Ops.Norm(block), 2)));
    }

    static int Counted(TokenBatch batch) => batch.Targets.Count(target => target >= 0);

    static SequenceBatch Rows(TokenBatch batch) => new(batch.Tokens, batch.Lengths, batch.T);
}
