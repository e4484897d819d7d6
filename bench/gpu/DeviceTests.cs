using System.Reflection;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;

namespace HeadTap.Gpu;

/// <summary>
/// The project's own tests, those of one device, where <c>dotnet test</c> is not at hand: NUnit's framework
/// has a runner in itself. What ran is counted, so a device that is missing is no success.
/// </summary>
static class DeviceTests
{
    static readonly string[] s_assemblies = ["HeadTap.Kernels.Tests", "HeadTap.Models.Tests"];

    /// <summary>Runs every test whose arguments name the device; 1 when one fails, none passes, or one that
    /// is there did not run.</summary>
    internal static int Run(Options options)
    {
        string argument = options.Device == "cpu" ? "cpu512" : options.Device;
        var filter = new DeviceFilter(argument, options.Only);
        int passed = 0, failed = 0;
        foreach (string name in s_assemblies)
        {
            var listener = new Listener(Console.Out);
            var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
            int there = filter.Count(runner.Load(Assembly.Load(name), new Dictionary<string, object>()));
            runner.Run(listener, filter);
            Console.WriteLine($"{name}: {listener.Passed} passed, {listener.Failed} failed, "
                + $"{listener.Skipped.Values.Sum()} skipped");
            foreach ((string reason, int count) in listener.Skipped)
                Console.WriteLine($"  {count} skipped: {reason}");
            if (listener.Ran != there)
                Console.WriteLine(
                    $"  {there} cases name {argument}, and {listener.Ran} ran: that is a failure");
            passed += listener.Passed;
            failed += listener.Failed + (listener.Ran == there ? 0 : 1);
        }
        if (passed == 0)
            Console.WriteLine($"nothing was tested on {options.Device}");
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    // Console.Out is asked for once, before the run: NUnit takes it over for what tests print.
    sealed class Listener(TextWriter screen) : ITestListener
    {
        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public int Ran { get; private set; }

        public Dictionary<string, int> Skipped { get; } = [];

        public void TestFinished(ITestResult result)
        {
            if (result.Test.IsSuite)
            {
                // What a fixture's own set-up threw is told on the fixture alone.
                if (result.ResultState is { Status: TestStatus.Failed, Site: FailureSite.SetUp })
                    Fail(result);
                return;
            }
            Ran++;
            switch (result.ResultState.Status)
            {
                case TestStatus.Passed: Passed++; break;
                case TestStatus.Failed: Fail(result); break;
                default:
                    string reason = (result.Message ?? "").Split('\n')[0];
                    Skipped[reason] = Skipped.GetValueOrDefault(reason) + 1;
                    break;
            }
        }

        void Fail(ITestResult result)
        {
            Failed++;
            screen.WriteLine($"FAILED {result.FullName}\n{result.Message}\n{result.StackTrace}");
        }

        public void TestStarted(ITest test)
        {
        }

        public void TestOutput(TestOutput output)
        {
        }

        public void SendMessage(TestMessage message)
        {
        }
    }
}
