using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class SessionMemoryTests
{
    [TestCase(1 << 20), TestCase(int.MaxValue)]
    public void A_session_that_cannot_fit_is_refused_before_anything_is_allocated(int rows)
    {
        using var device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device,
            TestModel.Small with { ContextLength = 1024, Width = 80 });
        long before = device.LiveBytes, peak = device.PeakBytes;
        foreach (Site[] record in (Site[][])[[], [.. Site.All(model.Config)]])
        {
            var options = new SessionOptions
            {
                MaxRows = rows, MaxTokens = 1024, Logits = LogitsAt.All, Backward = true, Record = record,
            };
            BadInput.Refused(() => new ModelSession(model, options).Dispose());
            Assert.That((device.LiveBytes, device.PeakBytes), Is.EqualTo((before, peak)));
        }
    }

    [Test]
    public void A_model_that_cannot_fit_is_refused_before_anything_is_allocated()
    {
        using var device = ComputeDevice.OpenHost();
        BadInput.Refused(() => new LanguageModel(device, Gpt2.Xl with { Layers = 1000 }).Dispose(),
            "the model's weights", "GiB");
        Assert.That((device.LiveBytes, device.PeakBytes), Is.EqualTo((0L, 0L)));
    }

    [TestCase(0), TestCase(13), TestCase(-1)]
    public void A_session_longer_than_the_context_is_refused(int tokens)
    {
        using var test = new TestModel("cpu512");
        BadInput.Refused(() => new ModelSession(test.Model, new SessionOptions { MaxTokens = tokens })
            .Dispose(), "context is 12");
    }

    [Test]
    public void A_device_with_live_memory_refuses_to_die()
    {
        ComputeDevice device = ComputeDevice.OpenHost();
        var model = new LanguageModel(device, TestModel.Small);
        Assert.That(device.Dispose, Throws.InvalidOperationException.With.Message.Contains("never disposed"));
        var session = new ModelSession(model, new SessionOptions { MaxTokens = 5 });
        model.Dispose();
        Assert.That(device.Dispose, Throws.InvalidOperationException);
        session.Dispose();
        session.Dispose();
        Assert.That(device.Dispose, Throws.Nothing);
    }

    [Test, Combinatorial]
    public void A_session_takes_the_floats_it_says_and_any_smaller_batch_fits(
        [Values] bool backward, [Values] bool recorded, [Values] LogitsAt logits)
    {
        using var device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, TestModel.Small);
        Site[] all = recorded ? [.. Site.All(model.Config)] : [];
        var options = new SessionOptions
        {
            MaxRows = 3, MaxTokens = 6, Logits = logits, Backward = backward, Record = all,
            RecordGradients = backward ? [.. all.Where(s => !s.Name.EndsWith("scale"))] : [],
        };
        long before = device.LiveBytes;
        long floats = ModelSession.Floats(model, options);
        Assert.That(device.LiveBytes, Is.EqualTo(before), "nothing is allocated by asking");
        using (var arena = new TensorArena(device, ParameterGradients.Length(model.Parameters, null) + 64))
        {
            var gradients = new ParameterGradients(arena, model.Parameters);
            long withGradients = device.LiveBytes;
            using var session = new ModelSession(model, options);
            Assert.That(device.LiveBytes - withGradients, Is.EqualTo(floats * sizeof(float)));
            for (int B = 3; B >= 1; B--)
                for (int T = 6; T >= 2; T--)
                {
                    var batch = new SequenceBatch(
                        [.. Enumerable.Range(0, B).Select(b => Numbers.Integers(b, Math.Max(2, T - b), 37))]);
                    session.Forward(batch);
                    if (backward)
                        session.ForwardBackward(batch, batch.NextTokens(), gradients, 1f);
                }
            if (!recorded) // else a gradient of a pattern takes memory of its own, until the next pass
                Assert.That(device.LiveBytes - withGradients, Is.EqualTo(floats * sizeof(float)));
        }
        Assert.That(device.LiveBytes, Is.EqualTo(before));
    }

    [Test]
    public void What_edits_take_is_given_back()
    {
        using var device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, TestModel.Small);
        using (var session = new ModelSession(model, new SessionOptions { MaxTokens = 6 }))
        {
            long before = device.LiveBytes;
            using (model.Attach(new Edit
            {
                Site = "blocks.*.attn.*", Operation = EditOperation.Scale, Alpha = 2,
            }))
                session.Forward(new SequenceBatch([1, 2, 3]));
            Assert.That(device.LiveBytes, Is.GreaterThan(before));
            session.Forward(new SequenceBatch([1, 2, 3]));
            Assert.That(device.LiveBytes, Is.EqualTo(before));
        }
    }
}
