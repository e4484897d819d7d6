using System.Numerics;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>
/// The one description of an op: its tests on every device, its benches and its entry in docs/kernels.md come
/// from it. A new op has a class that derives from <see cref="OpCase{TShape}"/>; it is found by reflection.
/// </summary>
public abstract class OpCase
{
    /// <summary>The op's name in tests and docs: its method of <see cref="Ops"/>.</summary>
    public virtual string Name => GetType().Name[..^"Case".Length];

    /// <summary>The family: a folder here and in src, a section of docs/kernels.md.</summary>
    public abstract string Room { get; }

    /// <summary>Place among the room's entries.</summary>
    public virtual int Order => 0;

    /// <summary>Public methods of <see cref="Ops"/> that the case covers.</summary>
    public virtual IReadOnlyList<string> Methods => [Name];

    /// <summary>Classes of kernels that the case covers.</summary>
    public abstract IReadOnlyList<Type> Kernels { get; }

    /// <summary>The formula, in one line.</summary>
    public abstract string Formula { get; }

    /// <summary>Shapes of inputs and outputs.</summary>
    public abstract string ShapesText { get; }

    /// <summary>The kernel's grid, and what a thread of the host takes at a time.</summary>
    public abstract string Grid { get; }

    /// <summary>The rule of the results.</summary>
    public virtual Exactness Exactness => Exactness.TwiceFloat32;

    /// <summary>The rule, as docs/kernels.md says it.</summary>
    public virtual string ExactnessText => Exactness switch
    {
        Exactness.TwiceFloat32 => "2x",
        Exactness.Float32Bits => "equal bits",
        _ => "bits of the separate ops",
    };

    /// <summary>The class of tests that only this op needs; null where there is none.</summary>
    public virtual string? Tests => null;

    /// <summary>The bench's name; null where the op is not timed alone.</summary>
    public virtual string? Bench => null;

    /// <summary>The benches' family, which <c>--filter</c> matches too.</summary>
    public virtual string BenchFamily => "";

    /// <summary>False where only ILGPU devices have the op.</summary>
    public virtual bool OnHost => true;

    /// <summary>Inputs, and the results with their gradients; differences of the oracle prove them.</summary>
    public virtual IReadOnlyList<(string Input, string Gradient)> Gradients => [];

    /// <summary>True where the tests of threads and of two runs mean nothing: nothing is summed.</summary>
    public virtual bool HasSums => Exactness == Exactness.TwiceFloat32;

    /// <summary>Shapes that every device runs.</summary>
    public abstract IEnumerable<OpInstance> Small { get; }

    /// <summary>Shapes that all but the simulator run, which would take seconds for them.</summary>
    public abstract IEnumerable<OpInstance> Large { get; }

    /// <summary>A shape that several threads of the host share.</summary>
    public abstract OpInstance Shared { get; }

    /// <summary>A small shape for the differences.</summary>
    public abstract OpInstance ForGradients { get; }

    /// <summary>Shapes of the benches.</summary>
    public abstract IEnumerable<OpInstance> Benches { get; }

    /// <summary>Every case, by room, order and name.</summary>
    public static IReadOnlyList<OpCase> All { get; } =
    [
        .. typeof(OpCase).Assembly.GetTypes()
            .Where(t => !t.IsAbstract && t.IsAssignableTo(typeof(OpCase)))
            .Select(t => (OpCase)Activator.CreateInstance(t)!)
            .OrderBy(c => c.Room, StringComparer.Ordinal).ThenBy(c => c.Order)
            .ThenBy(c => c.Name, StringComparer.Ordinal),
    ];

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>An op's description over the sizes it takes.</summary>
/// <typeparam name="TShape">A record of sizes and options; its text is the shape in tables.</typeparam>
public abstract class OpCase<TShape> : OpCase where TShape : notnull
{
    /// <inheritdoc/>
    public sealed override IEnumerable<OpInstance> Small => Shapes.Select(At);

    /// <inheritdoc/>
    public sealed override IEnumerable<OpInstance> Large => LargeShapes.Select(At);

    /// <inheritdoc/>
    public sealed override OpInstance Shared => At(SharedShape);

    /// <inheritdoc/>
    public sealed override OpInstance ForGradients => At(GradientShape);

    /// <inheritdoc/>
    public sealed override IEnumerable<OpInstance> Benches => BenchShapes.Select(At);

    /// <summary>The smallest shapes that cross every edge of the kernels: every device runs them.</summary>
    protected abstract IReadOnlyList<TShape> Shapes { get; }

    /// <summary>
    /// Shapes for all devices but the simulator: more groups or values than an edge needs.
    /// </summary>
    protected virtual IReadOnlyList<TShape> LargeShapes => [];

    /// <summary>More than one item of the host's threads.</summary>
    protected virtual TShape SharedShape => LargeShapes.Count > 0 ? LargeShapes[^1] : Shapes[^1];

    /// <summary>A shape of few elements, for differences.</summary>
    protected virtual TShape GradientShape => Shapes[1];

    /// <summary>Shapes of GPT-2.</summary>
    protected virtual IReadOnlyList<TShape> BenchShapes => [];

    /// <summary>Bytes that one run moves.</summary>
    protected abstract Cost Bytes(TShape s);

    /// <summary>Operations of one run.</summary>
    protected virtual Cost Flops(TShape s) => Cost.None;

    /// <summary>Declares the op's tensors.</summary>
    protected abstract void Declare(TShape s, OpData d);

    /// <summary>Makes what the op needs besides its inputs.</summary>
    protected virtual void Prepare(TShape s, Ops ops, OpRun r)
    {
    }

    /// <summary>Calls the op.</summary>
    protected abstract void Run(TShape s, Ops ops, OpRun r);

    /// <summary>Calls the textbook.</summary>
    protected virtual void Oracle<T>(TShape s, OpValues<T> v) where T : IFloatingPointIeee754<T>
        => throw new NotSupportedException($"{Name} has no oracle of its own");

    /// <summary>Calls the other ops whose bits the op must give.</summary>
    protected virtual void Separately(TShape s, Ops ops, OpRun r)
        => throw new NotSupportedException($"{Name} is not made of other ops");

    /// <summary>The scalar whose gradients the op computes.</summary>
    protected virtual double Loss(TShape s, OpValues<double> v)
        => throw new NotSupportedException($"{Name} computes no gradients");

    /// <summary>The shape as tables show it.</summary>
    protected virtual string Text(TShape s) => s.ToString()!;

    /// <summary>The bench's name at a shape.</summary>
    protected virtual string BenchName(TShape s) => Bench ?? Name;

    Instance At(TShape s) => new(this, s);

    sealed class Instance(OpCase<TShape> owner, TShape s) : OpInstance
    {
        public override OpCase Case => owner;

        public override string Shape => owner.Text(s);

        public override string BenchName => owner.BenchName(s);

        public override Cost Bytes => owner.Bytes(s);

        public override Cost Flops => owner.Flops(s);

        public override double Loss(OpValues<double> values) => owner.Loss(s, values);

        public override void Separately(OpRun run) => owner.Separately(s, run.Ops, run);

        internal override void Prepare(OpRun run) => owner.Prepare(s, run.Ops, run);

        internal override void Run(OpRun run) => owner.Run(s, run.Ops, run);

        private protected override OpData Declare()
        {
            OpData data = new();
            owner.Declare(s, data);
            return data;
        }

        private protected override void Oracle<T>(OpValues<T> values) => owner.Oracle(s, values);
    }
}
