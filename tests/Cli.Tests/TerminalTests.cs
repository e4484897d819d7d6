using System.Text;
using System.Text.RegularExpressions;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>What users see where a terminal, a pipe or an argument is not as usual.</summary>
public sealed class TerminalTests
{
    [TestCase("trce", "nearest is trace"), TestCase("lens trian", "nearest is train"),
     TestCase("trace --modle m --ids 1", "nearest is --model"), TestCase("trace --model m --idz 1", "--ids"),
     TestCase("devices --jsn", "nearest is --json"), TestCase("inject sugest", "nearest is suggest"),
     TestCase("unlearn mesure", "nearest is measure"), TestCase("TRACE", "nearest is trace")]
    public void What_is_not_known_names_the_nearest(string line, string words)
        => Assert.That(Headtap.Refused(line.Split(' ')), Does.Contain(words).And.Contain("--help"));

    [TestCase("unlearn run --budgt 1", "headtap unlearn run --help"),
     TestCase("trace --modle m --ids 1", "headtap trace --help"), TestCase("trce", "headtap --help")]
    public void The_help_of_the_verb_is_named(string line, string help)
        => Assert.That(Headtap.Refused(line.Split(' ')), Does.Contain(help));

    [TestCase("sing"), TestCase("devices --xyzzy"), TestCase("unlearn --q")]
    public void What_is_like_nothing_names_nothing(string line)
        => Assert.That(Headtap.Refused(line.Split(' ')), Does.Not.Contain("nearest"));

    [Test]
    public void A_method_that_is_not_there_names_the_nearest()
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("unlearn", "run", "--model", TinyModel.Folder, "--method", "duralbe",
            "--budget", "0.1", "--forget", folder.Write("f.jsonl", """{"ids":[1,2,3]}"""), "--prompt", "1",
            "--continuation", "1", "--out", folder["o"]), Does.Contain("nearest is durable"));
    }

    [Test]
    public void Results_that_cannot_be_written_are_the_users_error()
    {
        using var error = new StringWriter();
        int Run(TextWriter output, params string[] args)
            => CommandLine.Run(args, new Terminal(output, error, false, false));
        using var full = new StandardStream(() => new Full(), isResult: true);
        string[] generate = ["generate", "--model", TinyModel.Folder, "--ids", "1", "--max-new-tokens", "2",
            "--device", "cpu"];
        string[][] lines = [["devices"], ["devices", "--json"], ["--help"], generate];
        foreach (string[] line in lines)
        {
            error.GetStringBuilder().Clear();
            Assert.That(Run(full, line), Is.EqualTo(2), line[0]);
            Assert.That(error.ToString(), Does.StartWith("headtap: standard output cannot be written (No sp")
                .And.EndsWith("results\n"), line[0]);
            Assert.That(error.ToString().Count(c => c == '\n'), Is.EqualTo(1), line[0]);
        }
        using var output = new StringWriter();
        using var lost = new StandardStream(() => new Full(), isResult: false);
        Assert.That(CommandLine.Run(generate, new Terminal(output, lost, false, false)), Is.Zero,
            "remarks are lost");
        Assert.That(output.ToString(), Is.Not.Empty);
    }

    [Test]
    public void The_process_ends_with_two_on_a_full_or_closed_output_and_with_nothing_on_a_closed_pipe()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("needs /dev/full and sh");
        (int full, string why) = Shell("devices >/dev/full");
        Assert.That(full, Is.EqualTo(2), why);
        Assert.That(why, Does.StartWith("headtap: standard output cannot be written"));
        (int closed, string line) = Shell("devices >&-");
        Assert.That(closed, Is.EqualTo(2), line);
        Assert.That(line.TrimEnd('\n'), Does.StartWith("headtap: standard output").And.Not.Contain('\n'));
        (int piped, string none) =
            Shell("devices --verbose; echo $? >&2; }", "{ ", " | head -c 5 >/dev/null");
        Assert.That((piped, none), Is.EqualTo((0, "0\n")));
        (int mute, string nothing) = Shell("devices 2>&-");
        Assert.That((mute, nothing), Is.EqualTo((0, "")));
    }

    [Test]
    public void Bytes_in_arguments_that_are_not_utf_8_are_refused()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("needs /proc and sh");
        (int code, string line) = Shell("tokenize --model m --text \"$(printf 'caf\\351')\"");
        Assert.That(code, Is.EqualTo(2), line);
        Assert.That(line, Is.EqualTo("headtap: argument 5 is not UTF-8 at byte 3; expected UTF-8. A text of "
            + "other bytes goes in a file, saved as UTF-8; a file or folder whose name has such bytes needs "
            + "another name, or a link that has.\n"));
        (int same, string other) = Shell("tokenize --model m --text \"$(printf 'caf\\303\\251')\"");
        Assert.That((same, other.Contains("m: no such folder")), Is.EqualTo((2, true)), other);
    }

    [Test]
    public void The_replacement_character_itself_is_taken_with_a_remark()
    {
        byte[] raw = Encoding.UTF8.GetBytes("headtap\0tokenize\0caf\uFFFD\0");
        Assert.That(ArgumentBytes.Wrong(["tokenize", "caf\uFFFD"], raw), Is.Null);
        raw = [.. Encoding.UTF8.GetBytes("dotnet\0headtap.dll\0tokenize\0caf"), 0xE9, 0];
        Assert.That(ArgumentBytes.Wrong(["tokenize", "caf\uFFFD"], raw), Does.Contain("argument 2"));
        Assert.That(ArgumentBytes.Wrong(["a\uD800b"], null), Does.Contain("argument 1 is not UTF-8;"));
        Headtap run = Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", "a\uFFFD");
        Assert.That(run.Error, Does.Contain("U+FFFD"));
    }

    [TestCase("a\u001b[2Jb", "a\\x1B[2Jb"), TestCase("a\tb\nc\r\nd", "a\tb\nc\r\nd"),
     TestCase("x\ry", "x\\ry"),
     TestCase("\u009b31m\u007f", "\\x9B31m\\x7F"), TestCase("\u202eabc", "\\u202Eabc"),
     TestCase("a\u202ab\u2066c\u2069d", "a\\u202Ab\\u2066c\\u2069d"),
     TestCase("Grüße 東京 \u200d", "Grüße 東京 \u200d"), TestCase("\0", "\\x00")]
    public void Control_characters_become_escapes(string text, string safe)
        => Assert.That(Printable.Of(text), Is.EqualTo(safe));

    [TestCase(false, false, false), TestCase(false, true, true), TestCase(true, true, false)]
    public void Progress_is_for_a_terminal_that_is_not_to_be_quiet(bool quiet, bool terminal, bool shown)
    {
        var run = new Invocation(new Terminal(TextWriter.Null, TextWriter.Null, false, terminal), "cpu",
            Precision.Fp32, 0, 0, false, quiet, CancellationToken.None);
        Assert.That(run.ShowsProgress, Is.EqualTo(shown));
    }

    [Test]
    public void A_terminal_gets_escapes_and_a_pipe_the_text_itself()
    {
        using var folder = new TemporaryFolder();
        string text = "the \u001b]0;title\u0007 city";
        string Run(bool terminal, params string[] args)
        {
            using StringWriter output = new(), error = new();
            Assert.That(CommandLine.Run(args, new Terminal(output, error, terminal, false, 80)), Is.Zero,
                error.ToString());
            return output.ToString();
        }
        string[] generate = ["generate", "--model", TinyModel.Folder, "--text", text, "--max-new-tokens", "1",
            "--device", "cpu"];
        Assert.That(Run(false, generate), Does.Contain("\u001b]0;title\u0007"));
        Assert.That(Run(true, generate), Does.Not.Contain('\u0007').And.Contain("\\x1B]0;title\\x07"));
        string[] tokenize = ["tokenize", "--model", TinyModel.Folder, "--text", text];
        Assert.That(Run(false, tokenize), Does.Not.Contain('\u0007').And.Not.Contain('\u001b'));
        Assert.That(Headtap.Refused("trace", "--model", "no\u001b[31mwhere", "--ids", "1"),
            Does.Not.Contain('\u001b'));
    }

    [Test]
    public void A_table_too_wide_for_the_terminal_goes_on_below_with_its_first_column()
    {
        using var output = new StringWriter();
        string[] line = ["lens", "read", "--model", TinyModel.Folder, "--ids", "5,6,7", "--lens", "logit",
            "--layer", "1", "--top", "9", "--quiet", "--device", "cpu"];
        string Run(int width)
        {
            output.GetStringBuilder().Clear();
            var terminal = new Terminal(output, TextWriter.Null, true, false, width);
            Assert.That(CommandLine.Run(line, terminal), Is.Zero);
            return Regex.Replace(output.ToString(), "\u001b\\[[0-9;]*m", "");
        }
        string[] Table(string text) => [.. text.Split('\n').SkipWhile(l => !l.Contains("layer 1"))];
        Assert.That(Table(Run(400)).Count(l => l.Contains("head 2")), Is.EqualTo(1));
        string[] narrow = Table(Run(48));
        Assert.That(narrow.Count(l => l.Contains("layer 1")), Is.EqualTo(2), "each part names its rows");
        Assert.That(narrow.Count(l => l.Contains("favour")), Is.EqualTo(1));
        Assert.That(narrow.Count(l => l.Contains("logit lens")), Is.EqualTo(1));
        Assert.That(narrow.Select(l => l.TrimEnd().Length).Max(), Is.LessThanOrEqualTo(48));
    }

    [Test]
    public void Minus_zero_is_zero()
    {
        var table = Invocation.Table("a", "b");
        Invocation.Row(table, "first", "-0.00");
        Invocation.Row(table, "-0", "-0.01");
        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null, false, false).Rich().Write(table);
        Assert.That(output.ToString(), Does.Contain(" 0.00").And.Not.Contain("-0.00").And.Contain("-0.01")
            .And.Contain(" -0 ")); // a piece of text
    }

    [Test]
    public void No_help_has_a_default_that_means_nothing()
    {
        string[][] verbs = [["generate"], ["unlearn", "run"], ["unlearn", "sweep"], ["unlearn", "measure"],
            ["unlearn", "relearn"], ["trace"], ["eval"], ["lens", "train"], ["lens", "read"],
            ["inject", "run"]];
        foreach (string[] verb in verbs)
            Assert.That(Headtap.Done([.. verb, "--help"]).Out,
                Does.Not.Contain("default: NaN").And.Not.Contain("default: -1"), string.Join(' ', verb));
        Assert.That(Headtap.Done("generate", "--model", TinyModel.Folder, "--ids", "1", "--stop", "-1",
            "--max-new-tokens", "3", "--json").Json[0]!["new_ids"]!.AsArray(), Has.Count.EqualTo(3));
    }

    // Runs the program of this build: its exit code and what it said on standard error.
    static (int Code, string Error) Shell(string args, string before = "", string after = "")
    {
        string program = typeof(CommandLine).Assembly.Location;
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("sh",
            ["-c", $"{before}dotnet exec \"{program}\" {args}{after}"])
        {
            RedirectStandardError = true, RedirectStandardOutput = true,
        })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    // A disk without room.
    sealed class Full : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
            => throw new IOException("No space left on device : '/dev/full'");
    }
}
