using HeadTap.Gpu;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;

namespace HeadTap.Kernels.Tests;

/// <summary>Which cases a device gets: a kernel that no case runs on CUDA is not proven there.</summary>
public class DeviceCasesTests
{
    static readonly ITest s_all = new DefaultTestAssemblyBuilder().Build(
        typeof(DeviceCasesTests).Assembly, new Dictionary<string, object>());

    [TestCase("opencl"), TestCase("cuda")]
    public void The_filter_lets_every_case_of_a_device_through(string device)
    {
        var filter = new DeviceFilter(device, "");
        ITest[] passed = [.. Cases(s_all).Where(c => filter.Pass(c))];
        Assert.That(passed, Has.Length.EqualTo(filter.Count(s_all)));
        Assert.That(passed, Is.EquivalentTo(Cases(s_all).Where(c => c.Arguments.Contains(device))));
        Assert.That(passed.Any(c => !c.Name.Contains('"')), Is.True, "those that write their own names too");
        Assert.That(new DeviceFilter(device, "Tiles_of_both").Count(s_all), Is.EqualTo(3));
    }

    [Test]
    public void A_device_is_no_part_of_a_longer_name()
    {
        Assert.That(new DeviceFilter("cud", "").Count(s_all), Is.EqualTo(0));
        Assert.That(new DeviceFilter("cuda:1", "").Count(s_all), Is.EqualTo(0));
    }

    // The interpreter is no proof of a GPU's tensor cores. Attention once ran on an imitation alone.
    [TestCase(typeof(AttentionTensorTests)), TestCase(typeof(AttentionEditedTests)),
        TestCase(typeof(HeadResultsTests)), TestCase(typeof(MatMulPrecisionTests)),
        TestCase(typeof(MatMulPartsTests))]
    public void What_runs_on_interpreted_tensor_cores_runs_on_CUDA_too(Type fixture)
    {
        ITest[] cases = [.. Cases(s_all).Where(c => c.ClassName == fixture.FullName)];
        string[] On(string device) => [.. cases.Where(c => c.Arguments.Contains(device))
            .Select(c => c.Name.Replace(device, "", StringComparison.Ordinal))];
        Assert.That(On("ptx"), Is.Not.Empty);
        Assert.That(On("ptx").Except(On("cuda")), Is.Empty);
    }

    static IEnumerable<ITest> Cases(ITest test) => test.IsSuite ? test.Tests.SelectMany(Cases) : [test];
}
