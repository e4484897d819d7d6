using System.Diagnostics;
using System.Text.RegularExpressions;

namespace HeadTap.Cli.Tests;

/// <summary>Scripts for engines: those of schedulers run here in a shell with their variables, and the
/// commands inside of the Python programs run as the engines would format them.</summary>
public sealed partial class SweepScriptTests
{
    [TestCase("slurm", "SLURM_ARRAY_TASK_ID", 0), TestCase("pbs", "PBS_ARRAY_INDEX", 0)]
    [TestCase("sge", "SGE_TASK_ID", 1)]
    public void The_tasks_of_a_scheduler_compute_all_cells(string engine, string variable, int first)
    {
        using Quirky plan = new(8);
        string script = plan.Script(engine, 3);
        Assert.That(script, Does.StartWith("#!/bin/bash\n"));
        Assert.That(script, Does.Match(engine switch
        {
            "slurm" => "(?m)^#SBATCH --array=0-2$",
            "pbs" => "(?m)^#PBS -J 0-2$",
            _ => @"(?m)^#\$ -t 1-3$",
        }));
        if (engine == "slurm")
            Assert.That(script, Does.Contain("\n#SBATCH --signal=B:USR1@120\n")
                .And.Contain("\n#SBATCH --open-mode=append\n")
                .And.Contain("\nexec ${HEADTAP:-headtap} sweep"));
        Assert.That(script, Does.Contain("export DOTNET_BUNDLE_EXTRACT_BASE_DIR="));
        for (int task = 2; task >= 0; task--)
            Assert.That(plan.Shell(script, (variable, $"{task + first}")).Code, Is.Zero);
        Assert.That(plan.Missing, Is.Empty);
        Assert.That(plan.Shell(script).Code, Is.EqualTo(2), "no task of an array");
    }

    [Test]
    public void Sge_gets_99_for_a_task_that_was_interrupted()
    {
        using Quirky plan = new(3);
        string script = plan.Script("sge", 1);
        foreach ((int code, int told) in ((int, int)[])[(75, 99), (0, 0), (1, 1), (2, 2)])
            Assert.That(plan.Shell(script, ("HEADTAP", plan.Ending(code)), ("SGE_TASK_ID", "1")).Code,
                Is.EqualTo(told));
    }

    [TestCase("parsl"), TestCase("globus")]
    public void The_command_of_a_Python_program_computes_a_chunk(string engine)
    {
        using Quirky plan = new(5);
        string script = plan.Script(engine, 2);
        Assert.That(script, Does.Match("(?m)^TASKS, .* = 3"));
        // What Python makes of the text: escapes of a string, then str.format or an f-string.
        string command = Command().Match(script).Groups["text"].Value
            .Replace("\\\"", "\"", StringComparison.Ordinal).Replace(@"\\", @"\", StringComparison.Ordinal);
        for (int task = 0; task < 3; task++)
        {
            string formatted = command.Replace("{index}", $"{task}", StringComparison.Ordinal)
                .Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal);
            Assert.That(plan.Shell(formatted).Code, Is.Zero, formatted);
        }
        Assert.That(plan.Missing, Is.Empty);
    }

    [Test]
    public void Unless_told_there_are_no_more_tasks_than_Slurm_takes()
    {
        using var folder = new TemporaryFolder();
        Headtap.Done("sweep", "plan", "landscape", "line", "--model", TinyModel.Folder, "--model",
            TinyModel.Folder, "--batch", folder.Write("b.json", "[[1, 2]]"), "--points", "2500", "--out",
            folder["plan"]);
        Assert.That(Headtap.Done("sweep", "script", "--dir", folder["plan"], "--for", "slurm").Out,
            Does.Contain("2501 cells in chunks of 3, 834 tasks").And.Contain("--array=0-833\n")
                .And.Contain(" --array --chunk 3 "));
        Assert.That(Headtap.Done("sweep", "script", "--dir", folder["plan"], "--for", "pbs", "--chunk",
            "3000").Out, Does.Contain(" --cell 0 --chunk 3000").And.Not.Contain("#PBS -J"));
    }

    // A plan in a folder whose name has what shells and Python treat in their own ways.
    sealed class Quirky : IDisposable
    {
        readonly TemporaryFolder _folder = new();
        readonly string _plan;

        internal Quirky(int cells)
        {
            if (!File.Exists("/bin/bash"))
                Assert.Ignore("there is no /bin/bash");
            TinySweep.Pairs(_folder, cells);
            _plan = _folder["it's {a} \"plan\" $x"];
            Headtap.Done(["sweep", "plan", .. TinySweep.Call(_folder), "--out", _plan]);
        }

        internal string Missing => Headtap.Done("sweep", "missing", "--dir", _plan).Out;

        internal string Script(string engine, int chunk) => Headtap.Done("sweep", "script", "--dir", _plan,
            "--for", engine, "--chunk", $"{chunk}").Out;

        internal string Ending(int code)
        {
            string file = _folder.Write($"end{code}", $"exit {code}\n");
            return $"sh {file}";
        }

        internal (int Code, string Error) Shell(string script, params (string Name, string Value)[] variables)
        {
            File.WriteAllText(_folder["script"], script);
            var start = new ProcessStartInfo("/bin/bash", [_folder["script"]])
            {
                RedirectStandardError = true, RedirectStandardOutput = true,
            };
            start.Environment["HEADTAP"] = $"dotnet exec {TinySweep.Program}";
            foreach ((string name, string value) in variables)
                start.Environment[name] = value;
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, error + output.Result);
        }

        public void Dispose() => _folder.Dispose();
    }

    [GeneratedRegex(@"(?:return f|ShellFunction\()""(?<text>(?:[^""\\]|\\.)*)""")]
    private static partial Regex Command();
}
