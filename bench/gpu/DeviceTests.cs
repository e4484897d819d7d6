using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace HeadTap.Gpu;

/// <summary>
/// The project's own tests, those of one device, where <c>dotnet test</c> is not at hand: NUnit's framework
/// has a runner in itself. What ran is counted, so a device that is missing is no success.
/// </summary>
static class DeviceTests
{
    static readonly string[] s_assemblies = ["HeadTap.Kernels.Tests", "HeadTap.Models.Tests"];

    /// <summary>Runs every test whose arguments name the device; 1 when one fails or none passes.</summary>
    internal static int Run(Options options)
    {
        string argument = options.Device == "cpu" ? "cpu512" : options.Device;
        int passed = 0, failed = 0;
        foreach (string name in s_assemblies)
        {
            var listener = new Listener(Console.Out);
            var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
            runner.Load(Assembly.Load(name), new Dictionary<string, object>());
            runner.Run(listener, Filter(argument, options.Only));
            Console.WriteLine($"{name}: {listener.Passed} passed, {listener.Failed} failed, "
                + $"{listener.Skipped.Values.Sum()} skipped");
            foreach ((string reason, int count) in listener.Skipped)
                Console.WriteLine($"  {count} skipped: {reason}");
            passed += listener.Passed;
            failed += listener.Failed;
        }
        if (passed == 0)
            Console.WriteLine($"nothing was tested on {options.Device}");
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    static TestFilter Filter(string device, string only)
    {
        static XElement Name(string pattern) => new("test", new XAttribute("re", "1"), pattern);
        var and = new XElement("and", Name($"[(,]\\s*\"{device}\"[,)]"));
        if (only.Length > 0)
            and.Add(Name(Regex.Escape(only)));
        return TestFilter.FromXml(new XElement("filter", and).ToString(SaveOptions.DisableFormatting));
    }

    // Console.Out is asked for once, before the run: NUnit takes it over for what tests print.
    sealed class Listener(TextWriter screen) : ITestListener
    {
        public int Passed { get; private set; }

        public int Failed { get; private set; }

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
