using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>The optimiser in a loop of its own; TrainerTests say that its steps are right.</summary>
public class OptimizerStateTests
{
    static readonly OptimizerOptions[] Options =
    [
        new AdamWOptions { WeightDecay = 0.1f },
        new SgdOptions { Momentum = 0.9f, WeightDecay = 5e-4f },
        new SgdOptions(),
    ];

    [Test]
    public void A_state_put_back_goes_on_to_the_same_bits(
        [ValueSource(nameof(Options))] OptimizerOptions options)
    {
        using var straight = new Loop(options);
        straight.Run(1, 5);
        using var first = new Loop(options);
        first.Run(1, 2);
        using var second = new Loop(options);
        foreach ((Tensor from, Tensor to) in first.Kept.Zip(second.Kept))
            to.Upload(from.ToArray());
        second.Run(3, 5);
        Assert.That(second.Weights, Is.EqualTo(straight.Weights));
        Assert.That(first.Weights, Is.Not.EqualTo(straight.Weights));
    }

    [Test]
    public void Moments_are_named_after_their_parameters_and_frozen_parameters_have_none()
    {
        using var loop = new Loop(Options[0], "h.*.mlp.*.weight");
        Assert.That(loop.Optimizer.Tensors.Select(t => t.Name), Is.EqualTo((string[])
        [
            "m.h.0.mlp.c_fc.weight", "m.h.0.mlp.c_proj.weight", "m.h.1.mlp.c_fc.weight",
            "m.h.1.mlp.c_proj.weight", "v.h.0.mlp.c_fc.weight", "v.h.0.mlp.c_proj.weight",
            "v.h.1.mlp.c_fc.weight", "v.h.1.mlp.c_proj.weight",
        ]));
        float[] before = loop.Test.Model.Set["h.0.mlp.c_fc.bias"].ToArray();
        loop.Run(1, 1);
        Assert.That(loop.Test.Model.Set["h.0.mlp.c_fc.bias"].ToArray(), Is.EqualTo(before));
        foreach ((string name, Tensor moment) in loop.Optimizer.Tensors)
            Assert.That(moment.ToArray(), Has.Some.Not.Zero, name);
    }

    [Test]
    public void Wrong_options_and_a_step_before_the_first_are_refused()
    {
        using var loop = new Loop(Options[1]);
        Assert.That(() => loop.Optimizer.Step(0.1f, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Loop(new SgdOptions { Momentum = 1f }).Dispose(),
            Throws.ArgumentException.With.Message.Contains("momentum is 1"));
    }

    sealed class Loop : IDisposable
    {
        readonly TensorArena _arena;
        readonly ParameterGradients _gradients;
        readonly ModelSession _session;

        public Loop(OptimizerOptions options, string trained = "*")
        {
            Test = new TestModel("cpu512");
            LanguageModel model = Test.Model;
            HashSet<string> names = [.. model.Parameters.Match(trained).Select(s => s.Name)];
            OptimizerState Cut(TensorArena arena, out ParameterGradients gradients)
                => new(arena, model, gradients = new ParameterGradients(arena, model.Parameters, names),
                    options);
            try
            {
                _arena = new TensorArena(model.Device, TensorArena.Measure(
                    model.Device, arena => _ = Cut(arena, out _)));
            }
            catch
            {
                Test.Dispose();
                throw;
            }
            Optimizer = Cut(_arena, out _gradients);
            _session = new ModelSession(
                model, new SessionOptions { MaxRows = 2, MaxTokens = 6, Backward = true });
        }

        public TestModel Test { get; }

        public OptimizerState Optimizer { get; }

        /// <summary>What a checkpoint keeps.</summary>
        public IEnumerable<Tensor> Kept =>
            Test.Model.Set.Blocks.Concat(Optimizer.Tensors.Select(t => t.Tensor));

        public float[] Weights => Test.Model.Set.Blocks[0].ToArray();

        public void Run(int from, int to)
        {
            for (int step = from; step <= to; step++)
            {
                var batch = new SequenceBatch(Test.Tokens(step, 6), Test.Tokens(step + 100, 4));
                _gradients.Clear(Test.Model.Ops);
                _session.ForwardBackward(batch, batch.NextTokens(), _gradients, 0.1f);
                Optimizer.Step(0.01f, step, 0.5f);
            }
        }

        public void Dispose()
        {
            _session.Dispose();
            _arena.Dispose();
            Test.Dispose();
        }
    }
}
