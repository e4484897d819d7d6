using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>How the inner points of a path are trained.</summary>
/// <param name="Shape">The path's shape.</param>
/// <param name="Bends">Inner points, at least 1.</param>
/// <param name="Steps">Steps of Adam.</param>
/// <param name="LearningRate">Of the first step; half a cosine takes it to 0.</param>
/// <param name="BatchRows">Rows of a step.</param>
/// <param name="Seed">Of the places on the path and of the rows' order.</param>
public sealed record CurveOptions(
    PathShape Shape, int Bends, int Steps, float LearningRate, int BatchRows, ulong Seed);

/// <summary>A step of the training of a path.</summary>
/// <param name="Step">1 for the first.</param>
/// <param name="T">The place on the path, 0 to 1.</param>
/// <param name="Loss">Of the step's rows there, nats.</param>
/// <param name="LearningRate">Of this step.</param>
public sealed record CurveStep(int Step, double T, double Loss, float LearningRate);

/// <summary>
/// A path between two models whose inner points are trained to a small expected loss,
/// <c>E_t L(theta(t))</c>, t uniform (Garipov et al. 2018, arXiv 1802.10026).
/// </summary>
/// <remarks>
/// A step draws t and rows, takes the gradient g of their loss at theta(t), and moves inner point i by Adam
/// along <c>share_i(t) g</c>. The ends stay. Inner points begin at equal distances on the straight line. What
/// a step draws depends on the seed and the step's number alone.
/// </remarks>
public sealed class CurveTraining : IDisposable
{
    const string Format = "headtap-curve-1";
    const ulong PlaceStream = 0x706C616365_000000; // apart from the rows' order

    static readonly string[] s_fields = ["format", "step"];

    readonly WeightSpace _space;
    readonly CurveOptions _options;
    readonly SeededRows _rows;
    readonly FlatParameters[] _points, _m, _v; // the ends and the inner points; moments of these
    readonly ParameterGradients _gradients;
    readonly ModelSession _session;

    /// <summary>A path at step 0: the straight line.</summary>
    /// <param name="space">Its model's weights are the first end; its owner disposes it, after this.</param>
    /// <param name="other">Folder of the model at the last end.</param>
    /// <param name="documents">Token ids.</param>
    /// <param name="options">How.</param>
    /// <exception cref="UserException">The models do not fit together, there is nothing to predict, or the
    /// job does not fit the device.</exception>
    public CurveTraining(
        WeightSpace space, string other, IReadOnlyList<int[]> documents, CurveOptions options)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(options);
        (_space, _options) = (space, options);
        LanguageModel model = space.Model;
        _rows = new SeededRows(documents, model.Config.ContextLength, options.BatchRows, options.Seed);
        if (_rows.PerStep == 0)
            throw new UserException(
                "no text has two tokens, so there is nothing to predict; expected a longer text");
        FlatParameters first = space.Keep(), last = space.Read(other);
        int n = options.Bends;
        FlatParameters Bend(int i) => Between(first, last, (double)i / (n + 1));
        _points = [first, .. Enumerable.Range(1, n).Select(Bend), last];
        _m = [.. Enumerable.Range(0, n).Select(_ => space.Vector("first moment of "))];
        _v = [.. Enumerable.Range(0, n).Select(_ => space.Vector("second moment of "))];
        foreach (FlatParameters moment in _m.Concat(_v))
            space.Set(moment);
        _gradients = ParameterGradients.Create(model);
        try
        {
            _session = new ModelSession(model, new SessionOptions
            {
                MaxRows = _rows.PerStep, MaxTokens = _rows.Longest, Backward = true,
            });
        }
        catch
        {
            _gradients.Dispose();
            throw;
        }
    }

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>Sets the model's weights to a place of the path.</summary>
    /// <param name="t">0 to 1.</param>
    public void MoveTo(double t)
    {
        double[] shares = _options.Shape.Shares(_points.Length, t);
        _space.MoveTo([.. shares.Zip(_points)]);
    }

    /// <summary>Sets the model's weights to a place of the straight line between the ends.</summary>
    /// <param name="t">0 to 1.</param>
    public void MoveToLine(double t) => _space.MoveTo((1 - t, _points[0]), (t, _points[^1]));

    /// <summary>Sets the model's weights to an inner point, from 0.</summary>
    public void MoveToBend(int bend) => _space.MoveTo((1, _points[bend + 1]));

    /// <summary>Makes a step.</summary>
    /// <exception cref="UserException">The loss is not finite; the points are as before.</exception>
    public CurveStep Next()
    {
        Ops ops = _space.Model.Ops;
        double t = new SeededRandom(_options.Seed, PlaceStream + (ulong)Step).NextDouble();
        SequenceBatch rows = _rows.At(Step);
        int[] targets = rows.NextTokens();
        int counted = targets.Count(token => token >= 0);
        MoveTo(t);
        _gradients.Clear(ops);
        double loss = _session.ForwardBackward(rows, targets, _gradients, 1f / counted).Sum / counted;
        if (!double.IsFinite(loss))
            throw new UserException($"step {Step + 1}: the loss at t = {t:0.###} is {loss}; "
                + (Step == 0 ? "the models are too far apart for a straight path to begin with"
                    : $"try a lower {Field.Of("Lr")} and another folder"));
        float rate = new LearningRateSchedule { MinimumRate = 0 }
            .Rate(Step + 1, _options.Steps, _options.LearningRate);
        double[] shares = _options.Shape.Shares(_points.Length, t);
        Step++;
        for (int bend = 0; bend < _m.Length; bend++)
            for (int b = 0; b < _gradients.Set.Blocks.Count; b++)
                ops.AdamW(_gradients.Set.Blocks[b], _points[bend + 1].Blocks[b], _m[bend].Blocks[b],
                    _v[bend].Blocks[b],
                    new AdamWStep(rate, 0.9f, 0.999f, 1e-8f, 0, Step, (float)shares[bend + 1]));
        return new CurveStep(Step, t, loss, rate);
    }

    /// <summary>Writes the inner points and their moments.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void Save(string path) => StateFile.Save(path,
        [(s_fields[0], Format), (s_fields[1], Step.ToString(CultureInfo.InvariantCulture))], [.. Tensors()]);

    /// <summary>Goes on from what <see cref="Save"/> wrote of a training made alike.</summary>
    /// <exception cref="UserException">The file is missing or damaged.</exception>
    public void Restore(string path)
    {
        StateFile state = StateFile.Open(path, s_fields, Format);
        state.Read([.. Tensors()]);
        Step = (int)state.Number(s_fields[1]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _gradients.Dispose();
    }

    FlatParameters Between(FlatParameters first, FlatParameters last, double t)
    {
        FlatParameters between = _space.Vector("inner point of ");
        _space.Set(between, (1 - t, first), (t, last));
        return between;
    }

    IEnumerable<(string Name, Tensor Tensor)> Tensors()
    {
        for (int bend = 0; bend < _m.Length; bend++)
            foreach ((string name, FlatParameters set) in
                ((string, FlatParameters)[])[("point", _points[bend + 1]), ("m", _m[bend]), ("v", _v[bend])])
                for (int b = 0; b < set.Blocks.Count; b++)
                    yield return ($"{name}.{bend}.{b}", set.Blocks[b]);
    }
}
