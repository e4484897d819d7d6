using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs.Tests;

/// <summary>Results, failures and claims of a plan's cells.</summary>
public sealed class CellStoreTests
{
    static readonly RunDevice Cpu = new("cpu", "float32");

    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-cells").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_row_comes_back_as_the_text_that_it_was()
    {
        // An object that is written again would lose the spaces, the exponent and the escape.
        (string, string)[] rows = [("cells.jsonl", "{\"a\": 1E+2, \"b\":\"\\u00e4 ö\"}"), ("x", "[ ]")];
        var store = new CellStore(_folder, "hash", 3);
        store.Write(2, rows, new("cuda:1", "tf32"));
        (RunDevice device, IReadOnlyList<(string, string)> read) = new CellStore(_folder, "hash", 3).Read(2);
        Assert.That(read, Is.EqualTo(rows));
        Assert.That((device.Name, device.Kind, device.Precision), Is.EqualTo(("cuda:1", "cuda", "tf32")));
        Assert.That(store.Check().Done, Is.EqualTo((int[])[2]));
    }

    [Test]
    public void The_first_result_of_a_cell_stays()
    {
        var store = new CellStore(_folder, "hash", 3);
        store.Write(0, [("f", "1")], Cpu);
        store.Write(0, [("f", "2")], Cpu);
        Assert.That(store.Read(0).Rows.Single().Line, Is.EqualTo("1"));
        Assert.That(Directory.GetFiles(Path.Combine(_folder, "results")), Has.Length.EqualTo(1));
    }

    [TestCase("\"1\"", "\"2\"", "damaged"), TestCase("\"cell\":0", "\"cell\":1", "damaged")]
    [TestCase("plan", "plain", "damaged"), TestCase("\"hash\"", "\"h\"", "damaged")]
    [TestCase("cpu", "gpu", "damaged"), TestCase(":1", ": 1", "damaged")]
    [TestCase("float32", "tf32", "damaged")]
    [TestCase("{\"file\"", "", "damaged"), TestCase("{", "[", "damaged")]
    public void A_result_that_was_changed_is_refused(string what, string by, string message)
    {
        var store = new CellStore(_folder, "hash", 3);
        store.Write(0, [("f", "\"1\"")], Cpu);
        string file = Path.Combine(_folder, "results", "0.jsonl"), text = File.ReadAllText(file);
        int at = text.IndexOf(what, StringComparison.Ordinal);
        File.WriteAllText(file, text[..at] + by + text[(at + what.Length)..]);
        Assert.That(() => store.Read(0), Throws.TypeOf<UserException>().With.Message.Contains(message));
        File.WriteAllText(file, "");
        Assert.That(() => store.Read(0), Throws.TypeOf<UserException>().With.Message.Contains("damaged"));
    }

    [Test]
    public void A_cell_that_failed_counts_until_it_is_done()
    {
        var store = new CellStore(_folder, "hash", 3);
        store.Fail(1, "no room for \"it\"");
        Assert.That(store.Failures(), Is.EqualTo((FailedCell[])[new(1, "no room for \"it\"")]));
        Assert.That(store.Check().Done, Is.Empty);
        store.Write(1, [], Cpu);
        Assert.That(store.Failures(), Is.Empty);
    }

    [Test]
    public void Files_that_are_no_cells_of_the_plan_do_not_count()
    {
        var store = new CellStore(_folder, "hash", 3);
        store.Write(0, [], Cpu);
        foreach (string name in (string[])["7.jsonl", "x.jsonl", "-1.jsonl", "1.jsonl.ab.tmp"])
            File.WriteAllText(Path.Combine(_folder, "results", name), "");
        Assert.That(store.Check().Done, Is.EqualTo((int[])[0]));
        Assert.That(store.Check().Damaged, Is.Empty);
    }

    // No byte of a result may change unseen, and no end be lost.
    [Test]
    public void A_result_with_any_byte_changed_or_cut_counts_as_missing_and_is_replaced()
    {
        var store = new CellStore(_folder, "hash", 3);
        store.Write(1, [("f", "\"\u00e4\""), ("g", "[1, 2]")], Cpu);
        store.Write(2, [], Cpu);
        string file = Path.Combine(_folder, "results", "1.jsonl");
        byte[] whole = File.ReadAllBytes(file);
        IEnumerable<byte[]> changed = Enumerable.Range(0, whole.Length).SelectMany(i =>
            (byte[][])[[.. whole[..i], (byte)(whole[i] ^ 1), .. whole[(i + 1)..]],
                [.. whole[..i], (byte)(whole[i] ^ 0x80), .. whole[(i + 1)..]], whole[..i]]);
        foreach (byte[] bytes in changed.Append([.. whole, (byte)'\n']))
        {
            File.WriteAllBytes(file, bytes);
            (int[] done, IReadOnlyList<DamagedCell> damaged) = store.Check();
            Assert.That((done.Single(), damaged.Single().Cell, store.Has(1)), Is.EqualTo((2, 1, false)));
        }
        Assert.That(store.Open([2, 1, 0], out IReadOnlyList<DamagedCell> open), Is.EqualTo((int[])[1, 0]));
        Assert.That(open.Single().Message, Does.StartWith("results/1.jsonl: damaged ("));
        store.Write(1, [("f", "\"\u00e4\""), ("g", "[1, 2]")], Cpu);
        Assert.That(File.ReadAllBytes(file), Is.EqualTo(whole));
        Assert.That(store.Check().Damaged, Is.Empty);
    }

    [Test]
    public void A_result_of_another_plan_is_none_of_this_one()
    {
        new CellStore(_folder, "other", 3).Write(1, [("f", "1")], Cpu);
        var store = new CellStore(_folder, "hash", 3);
        Assert.That(store.Check().Damaged.Single().Message,
            Is.EqualTo("results/1.jsonl: belongs to another plan"));
        Assert.That(() => store.Read(1),
            Throws.TypeOf<UserException>().With.Message.Contains("belongs to another plan"));
        store.Write(1, [("f", "2")], Cpu);
        Assert.That(store.Read(1).Rows.Single().Line, Is.EqualTo("2"));
    }

    [Test]
    public void Ten_thousand_results_are_checked_in_seconds()
    {
        var store = new CellStore(_folder, "hash", 10_000);
        (string, string)[] rows = [.. Enumerable.Range(0, 100).Select(i => ("f", "\"" + new string('x', 180)
            + "\""))];
        store.Write(0, rows, Cpu);
        string place = Path.Combine(_folder, "results");
        string text = File.ReadAllText(Path.Combine(place, "0.jsonl"));
        Parallel.For(1, 10_000, i => File.WriteAllText(Path.Combine(place, $"{i}.jsonl"), text));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        (int[] done, IReadOnlyList<DamagedCell> damaged) = store.Check();
        TestContext.Out.WriteLine($"{text.Length} bytes each, {watch.Elapsed.TotalSeconds:0.00} s");
        // Each but the first has another number than it says, which is found after its hash.
        Assert.That((done.Length, damaged.Count), Is.EqualTo((1, 9_999)));
        Assert.That(watch.Elapsed.TotalSeconds, Is.LessThan(60));
    }

    [Test]
    public void One_process_at_a_time_has_a_cell()
    {
        var store = new CellStore(_folder, "hash", 3);
        using (WorkClaim? claim = store.TryClaim(1))
        {
            Assert.That(claim, Is.Not.Null);
            Assert.That(store.TryClaim(1), Is.Null);
            Assert.That(store.Holder(1), Is.EqualTo(
                $"process {Environment.ProcessId} on {Environment.MachineName}"));
            using WorkClaim? other = store.TryClaim(2);
            Assert.That(other, Is.Not.Null);
        }
        using WorkClaim? again = store.TryClaim(1);
        Assert.That(again, Is.Not.Null);
    }

    [Test]
    public void Many_writers_of_one_file_leave_it_whole_and_one_of_them_has_written_it()
    {
        string file = Path.Combine(_folder, "once");
        int written = 0;
        Parallel.For(0, 16, i => Interlocked.Add(
            ref written, AtomicFile.WriteTextOnce(file, new string((char)('a' + i), 100_000)) ? 1 : 0));
        Assert.That(written, Is.EqualTo(1));
        string text = File.ReadAllText(file);
        Assert.That(text, Is.EqualTo(new string(text[0], 100_000)));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
    }
}
