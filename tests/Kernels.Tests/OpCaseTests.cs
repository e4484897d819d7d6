using System.Reflection;
using HeadTap.OpCases;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>What every op must keep, on every device, from its one description in tests/OpCases.</summary>
public class OpCaseTests
{
    static IEnumerable<TestCaseData> Runs() =>
        from op in OpCase.All
        from device in Devices(op)
        from instance in device == "simulator" ? Alternating(op.Small) : op.Small.Concat(op.Large)
        select new TestCaseData(device, instance)
            .SetArgDisplayNames(op.Name, device, instance.Shape.Replace('.', '_'));

    // The simulator starts a thread of the system for each of a group's: of the values that a shape is tried
    // with, it runs every fourth one, and others with the next shape. OpenCL and ptx run the same kernels
    // with all; the simulator alone sees an index beyond its view that lies within the arena.
    static IEnumerable<OpInstance> Alternating(IEnumerable<OpInstance> instances) => instances
        .GroupBy(i => i.Shape.Contains(", ", StringComparison.Ordinal)
            ? i.Shape[..i.Shape.LastIndexOf(", ", StringComparison.Ordinal)] : i.Shape)
        .SelectMany((group, g) => group.Count() == 1 ? group : group.Where((_, i) => (i + g) % 4 == 0));

    static IEnumerable<TestCaseData> Repeated() =>
        from op in OpCase.All
        from device in Devices(op)
        where device != "simulator" // it runs one group at a time, always in the same order
        select new TestCaseData(device, op.Small.ElementAt(Math.Min(1, op.Small.Count() - 1)))
            .SetArgDisplayNames(op.Name, device);

    static IEnumerable<TestCaseData> SharedRuns() =>
        from op in OpCase.All
        where op.OnHost
        select new TestCaseData(op.Shared).SetArgDisplayNames(op.Name);

    static IEnumerable<TestCaseData> WithGradients() =>
        from op in OpCase.All
        where op.Gradients.Count > 0
        select new TestCaseData(op).SetArgDisplayNames(op.Name);

    static IEnumerable<string> Devices(OpCase op)
        => op.OnHost ? TestDevice.Hosts.Concat(TestDevice.Ilgpu) : TestDevice.Ilgpu;

    [TestCaseSource(nameof(Runs))]
    public void Is_as_exact_as_its_rule_asks_and_writes_nothing_else(string device, OpInstance instance)
    {
        using var run = new OpRun(TestDevice.Open(device), instance);
        run.Run();
        Assert.That(run.Damage(), Is.Empty, "tensors that were to stay as they are");
        if (instance.Case.Exactness == Exactness.BitsOfOtherOps)
        {
            List<(string Name, int[] Bits)> found = [.. run.Bits()];
            run.Reset();
            instance.Separately(run);
            RequireSameBits(run.Bits(), found);
            return;
        }
        foreach (OpResult result in instance.Compare(run))
            Require(result);
    }

    [TestCaseSource(nameof(Repeated))]
    public void Two_runs_agree_bit_for_bit(string device, OpInstance instance)
    {
        using var run = new OpRun(TestDevice.Open(device), instance);
        run.Run();
        List<(string Name, int[] Bits)> first = [.. run.Bits()];
        run.Reset();
        run.Run();
        RequireSameBits(run.Bits(), first);
    }

    [TestCaseSource(nameof(SharedRuns))]
    public void Any_number_of_threads_gives_the_same_bits(OpInstance instance)
    {
        int threads = HostThreads.Count;
        try
        {
            using var run = new OpRun(TestDevice.Open("cpu512"), instance);
            HostThreads.Count = 1;
            run.Run();
            List<(string Name, int[] Bits)> alone = [.. run.Bits()];
            foreach (int count in (int[])[2, 5])
            {
                HostThreads.Count = count;
                run.Reset();
                run.Run();
                RequireSameBits(run.Bits(), alone);
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [TestCaseSource(nameof(WithGradients))]
    public void The_oracles_gradients_agree_with_finite_differences(OpCase op)
    {
        OpInstance instance = op.ForGradients;
        OpValues<double> values = instance.Exact();
        foreach ((string input, string gradient) in op.Gradients)
            Agreement.Differences(
                gradient, () => instance.Loss(values), values[input], [.. values[gradient]]);
    }

    [Test]
    public void Every_op_has_a_case()
    {
        const BindingFlags own = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
            | BindingFlags.DeclaredOnly;
        MethodInfo[] all = [.. typeof(Ops).GetMethods(own).Where(m => !m.IsSpecialName)];
        IEnumerable<string> ops = all.Where(m => m.IsPublic).Select(m => m.Name).Distinct();
        Assert.That(ops.Except(OpCase.All.SelectMany(c => c.Methods)), Is.Empty,
            "public methods of Ops without a case in tests/OpCases");
        Assert.That(OpCase.All.SelectMany(c => c.Methods).Except(all.Select(m => m.Name)), Is.Empty,
            "methods that cases name and Ops has not");
    }

    [Test]
    public void Every_class_of_kernels_has_a_case()
    {
        IEnumerable<Type> kernels = typeof(LayerNormKernels).Assembly.GetTypes()
            .Where(t => t.Name.EndsWith("Kernels", StringComparison.Ordinal));
        Assert.That(kernels.Except(OpCase.All.SelectMany(c => c.Kernels)), Is.Empty,
            "classes of kernels without a case in tests/OpCases");
    }

    [Test]
    public void Tests_that_a_case_names_exist()
    {
        HashSet<string> classes = [.. typeof(OpCaseTests).Assembly.GetTypes().Select(t => t.Name)];
        Assert.That(OpCase.All.Select(c => c.Tests).OfType<string>().Where(t => !classes.Contains(t)),
            Is.Empty);
    }

    [Test]
    public void A_case_lies_in_the_folder_of_its_room_and_has_its_name()
    {
        foreach (OpCase op in OpCase.All)
            Assert.That(File.Exists(Path.Combine(
                KernelDocs.Root, "tests", "OpCases", op.Room, op.GetType().Name + ".cs")), Is.True, op.Name);
    }

    static void Require(OpResult result)
    {
        (string name, Exactness rule, double[] exact, float[] plain, float[] found) = result;
        if (rule == Exactness.Float32Bits)
        {
            Assert.That(found, Has.Length.EqualTo(plain.Length), name);
            int at = Enumerable.Range(0, plain.Length).FirstOrDefault(i => !Same(found[i], plain[i]), -1);
            if (at >= 0)
                Assert.Fail($"{name}[{at}]: {found[at]:R}, expected {plain[at]:R}");
            return;
        }
        // Masked scores and the like: what is not finite is the same, and the rest is measured.
        int[] odd = [.. Enumerable.Range(0, exact.Length).Where(i => !double.IsFinite(exact[i]))];
        foreach (int i in odd)
        {
            Assert.That((double)found[i], Is.EqualTo(exact[i]), $"{name}[{i}]");
            (exact[i], plain[i], found[i]) = (0, 0, 0);
        }
        Agreement.AtMostTwiceFloat32(name, exact, plain, found);
    }

    static bool Same(float a, float b) => a == b || (float.IsNaN(a) && float.IsNaN(b));

    static void RequireSameBits(
        IEnumerable<(string Name, int[] Bits)> found, List<(string Name, int[] Bits)> expected)
    {
        foreach ((string name, int[] bits) in found)
            Assert.That(bits.AsSpan().SequenceEqual(expected.First(e => e.Name == name).Bits), Is.True, name);
    }
}
