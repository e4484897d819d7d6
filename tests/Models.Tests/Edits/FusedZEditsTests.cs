using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Edits of z that attention applies as it stores it, where no backward pass follows.</summary>
public class FusedZEditsTests
{
    const string Z = "blocks.*.attn.hook_z";
    static readonly int[] Lengths = [5, 1, 4];

    // All heads and one, all positions, the last, some, from one on; all rows and some; the order matters.
    static readonly Edit[] Edits =
    [
        new() { Site = Z, Operation = EditOperation.Scale, Alpha = -0.6f, Head = 1 },
        new()
        {
            Site = Z, Operation = EditOperation.Add, Alpha = 1.7f, Positions = EditPositions.Last,
            Value = EditValue.Numbers(Numbers.Normal(11, 20)),
        },
        new()
        {
            Site = Z, Operation = EditOperation.Zero, Head = 3, Positions = EditPositions.List([0, 2, 9]),
        },
        new()
        {
            Site = Z, Operation = EditOperation.Add, Head = 3, Rows = [0, 2],
            Value = EditValue.Numbers(Numbers.Normal(12, 5)),
        },
        new() { Site = Z, Operation = EditOperation.Scale, Alpha = 1.3f, Positions = EditPositions.From(1) },
    ];

    [TestCase("opencl"), TestCase("cuda"), TestCase("ptx")]
    public void Take_no_launch_and_give_the_bits_of_separate_edits(string device)
    {
        using var test = new TestModel(device);
        (float[] plain, long launches) = Run(test, backward: false);
        (float[] stored, long storedLaunches) = Run(test, backward: false, Edits);
        (float[] separate, long separateLaunches) = Run(test, backward: true, Edits);
        Assert.That(stored, Is.EqualTo(separate));
        Assert.That(stored, Is.Not.EqualTo(plain));
        Assert.That(storedLaunches, Is.EqualTo(launches));
        Assert.That(separateLaunches, Is.GreaterThanOrEqualTo(launches + 2 * Edits.Length));
    }

    [TestCase(EditOperation.Mean, Z), TestCase(EditOperation.Zero, "blocks.1.attn.hook_pattern")]
    public void Give_way_to_what_needs_separate_edits(EditOperation operation, string site)
    {
        Assume.That(DeviceCatalog.List().First(d => d.Name == "opencl").Refusal, Is.Null);
        using var test = new TestModel("opencl");
        Edit[] edits = [.. Edits, new Edit { Site = site, Operation = operation, Head = 1 }];
        Assert.That(Run(test, backward: false, edits).Z, Is.EqualTo(Run(test, backward: true, edits).Z));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void A_pass_that_goes_on_above_one_is_refused(string device)
    {
        using var test = new TestModel(device);
        using var session = new ModelSession(test.Model, new SessionOptions { MaxTokens = 5 });
        using IDisposable attached = test.Model.Attach(Edits[0]);
        Assert.That(() => session.ForwardFrom(
                new SequenceBatch(test.Tokens(1, 5)), new ResumePoint(1, new float[5 * 20])),
            Throws.InvalidOperationException.With.Message.Contains("blocks.0.attn.hook_z"));
    }

    [Test]
    public void The_host_edits_separately()
    {
        using var test = new TestModel("cpu512");
        long launches = Run(test, backward: false).Launches;
        Assert.That(Run(test, backward: false, Edits).Launches,
            Is.EqualTo(launches + 2 * Edits.Length));
    }

    // z of both blocks as recorded; the second one's follows from all of the first.
    static (float[] Z, long Launches) Run(TestModel test, bool backward, params Edit[] edits)
    {
        Site[] sites = [new(SiteKind.Z, 0), new(SiteKind.Z, 1)];
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 3, MaxTokens = 5, Record = sites, Backward = backward,
        });
        using (test.Model.Attach(edits))
        {
            long before = test.Model.Device.OpCount;
            session.Forward(new SequenceBatch([.. Lengths.Select((n, b) => test.Tokens(b + 1, n))]));
            long launches = test.Model.Device.OpCount - before;
            return ([.. sites.SelectMany(s => session.Recordings[s].ToArray())], launches);
        }
    }
}
