using System.Numerics;

namespace HeadTap.OpCases;

/// <summary>An op at one shape.</summary>
public abstract class OpInstance
{
    OpData? _data;

    /// <summary>The op.</summary>
    public abstract OpCase Case { get; }

    /// <summary>The shape as tables and test names show it: <c>1024 x 768</c>.</summary>
    public abstract string Shape { get; }

    /// <summary>The bench's name.</summary>
    public abstract string BenchName { get; }

    /// <summary>Bytes that one run moves, each operand counted once.</summary>
    public abstract Cost Bytes { get; }

    /// <summary>Operations of one run; a multiply-add is two.</summary>
    public abstract Cost Flops { get; }

    /// <summary>Tensors and their first contents.</summary>
    public OpData Data => _data ??= Declare();

    /// <summary>Tensors that the op changes and that are compared.</summary>
    public IEnumerable<OpTensor> Results
        => Data.Tensors.Where(t => t.Use is TensorUse.Output or TensorUse.Sum or TensorUse.State);

    /// <summary>Compares what a run left with the oracle.</summary>
    public IEnumerable<OpResult> Compare(OpRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        OpValues<double> exact = new(Data);
        OpValues<float> plain = new(Data);
        Oracle(exact);
        Oracle(plain);
        foreach (OpTensor tensor in Results)
        {
            Exactness rule = tensor.Exactness ?? Case.Exactness;
            if (tensor.Ids is not null)
            {
                yield return new(tensor.Name, Exactness.Float32Bits,
                    Array.ConvertAll(exact.Indices(tensor.Name), i => (double)i),
                    Array.ConvertAll(plain.Indices(tensor.Name), i => (float)i),
                    Array.ConvertAll(run.Indices(tensor.Name).ToArray(), i => (float)i));
                continue;
            }
            bool adds = tensor.Use == TensorUse.Sum;
            yield return new(tensor.Name, rule,
                Array.ConvertAll(exact[tensor.Name], v => adds ? v + 1.0 : v),
                Array.ConvertAll(plain[tensor.Name], v => adds ? v + 1f : v), run[tensor.Name].ToArray());
        }
        foreach ((string name, double beside) in Data.Numbers)
            yield return new(name, Case.Exactness, [exact[name][0], beside], [plain[name][0], (float)beside],
                [(float)run.Numbers[name], (float)beside]);
    }

    /// <summary>Runs the oracle in float64 on the first contents.</summary>
    public OpValues<double> Exact()
    {
        OpValues<double> values = new(Data);
        Oracle(values);
        return values;
    }

    /// <summary>The scalar of the inputs whose gradients the op computes.</summary>
    public abstract double Loss(OpValues<double> values);

    /// <summary>Runs the other ops whose bits the op must give.</summary>
    public abstract void Separately(OpRun run);

    /// <summary>Shape and case, for names of tests.</summary>
    public override string ToString() => Shape;

    internal abstract void Prepare(OpRun run);

    internal abstract void Run(OpRun run);

    private protected abstract OpData Declare();

    private protected abstract void Oracle<T>(OpValues<T> values) where T : IFloatingPointIeee754<T>;
}

/// <summary>One result beside its oracle and its yardstick.</summary>
/// <param name="Name">The tensor or number.</param>
/// <param name="Rule">How they must agree.</param>
/// <param name="Exact">The oracle, float64.</param>
/// <param name="Plain">Plain float32 loops.</param>
/// <param name="Found">What the op gave.</param>
public sealed record OpResult(string Name, Exactness Rule, double[] Exact, float[] Plain, float[] Found);
