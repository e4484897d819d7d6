namespace HeadTap.PtxMachine.Tests;

/// <summary>Checks from the environment.</summary>
public class DriverChecksTests
{
    static readonly MachineChecks All = new();

    [Test]
    public void Each_item_changes_one_check()
    {
        Assert.That(DriverChecks.Read(null), Is.EqualTo(All));
        Assert.That(DriverChecks.Read(" , "), Is.EqualTo(All));
        Assert.That(DriverChecks.Read("no-races"), Is.EqualTo(All with { Races = false }));
        Assert.That(DriverChecks.Read("no-bounds"), Is.EqualTo(All with { Bounds = false }));
        Assert.That(DriverChecks.Read("no-uninitialised"), Is.EqualTo(All with { Uninitialised = false }));
        Assert.That(DriverChecks.Read("counters, threads=3, contract, worst-case=0"),
            Is.EqualTo(All with
            {
                Counters = true, Threads = 3, Contract = true, WorstCase = true, Seed = 0,
            }));
    }

    [TestCase("races"), TestCase("threads=0"), TestCase("threads"), TestCase("worst-case=-1"),
        TestCase("no-races no-bounds"), TestCase("worst-case=99999999999")]
    public void Another_item_is_named(string item)
        => Assert.That(() => DriverChecks.Read($"no-races,{item}"), Throws.TypeOf<FormatException>()
            .With.Message.StartsWith($"HEADTAP_PTX has \"{item}\"; expected no-races, "));
}
