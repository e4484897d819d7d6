using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs.Tests;

/// <summary>Lists of numbers, chunks and indices of job arrays.</summary>
public sealed class CellRangesTests
{
    [TestCase("0", new[] { 0 }), TestCase("3,7-9,41", new[] { 3, 7, 8, 9, 41 })]
    [TestCase("9,2-4,3", new[] { 2, 3, 4, 9 }), TestCase("5-5", new[] { 5 })]
    public void A_list_is_read(string text, int[] numbers)
        => Assert.That(CellRanges.Parse(text, "Range", 42, "42 cells"), Is.EqualTo(numbers));

    [TestCase(new int[0], ""), TestCase(new[] { 4 }, "4"), TestCase(new[] { 0, 1 }, "0-1")]
    [TestCase(new[] { 3, 7, 8, 9, 41 }, "3,7-9,41"), TestCase(new[] { 0, 2, 4 }, "0,2,4")]
    public void A_list_is_written_as_job_arrays_take_it(int[] numbers, string text)
        => Assert.That(CellRanges.Text(numbers), Is.EqualTo(text));

    [Test]
    public void What_is_written_is_read_again()
    {
        var random = new SeededRandom(3);
        for (int trial = 0; trial < 200; trial++)
        {
            int share = 1 + random.Next(9);
            int[] numbers = [.. Enumerable.Range(0, 60).Where(_ => random.Next(10) < share)];
            if (numbers.Length > 0)
                Assert.That(CellRanges.Parse(CellRanges.Text(numbers), "Range", 60, ""),
                    Is.EqualTo(numbers));
        }
    }

    [TestCase(""), TestCase("a"), TestCase("-1"), TestCase("1-"), TestCase("3-1"), TestCase("1,,2")]
    [TestCase("1-2-3"), TestCase(" 1"), TestCase("99999999999")]
    public void What_is_no_list_is_refused(string text)
        => Assert.That(() => CellRanges.Parse(text, "Range", 8, "8 cells"), Throws.TypeOf<UserException>()
            .With.Message.Contains("expected numbers and ranges from 0 such as 3,7-9"));

    [Test]
    public void A_number_behind_the_last_is_refused()
        => Assert.That(() => CellRanges.Parse("1,6-8", "Range", 8, "8 cells"),
            Throws.TypeOf<UserException>().With.Message
                .Contains("Range has 8; expected 0 to 7, for 8 cells"));

    [TestCase(8, 3), TestCase(8, 1), TestCase(9, 3), TestCase(1, 5), TestCase(7, 100)]
    public void Chunks_have_every_cell_once_and_all_but_the_last_are_full(int cells, int size)
    {
        var chunks = new CellChunks(cells, size);
        int[][] each = [.. Enumerable.Range(0, chunks.Count).Select(c => chunks.CellsOf([c]).ToArray())];
        Assert.That(each.SelectMany(c => c), Is.EqualTo(Enumerable.Range(0, cells)));
        Assert.That(each.SkipLast(1).Select(c => c.Length), Is.All.EqualTo(size));
        Assert.That(each[^1], Has.Length.InRange(1, size));
        for (int c = 0; c < each.Length; c++)
            foreach (int cell in each[c])
                Assert.That(chunks.ChunksOf([cell]), Is.EqualTo((int[])[c]));
        Assert.That(chunks.ChunksOf(Enumerable.Range(0, cells)),
            Is.EqualTo(Enumerable.Range(0, each.Length)));
    }

    // The first variable that says something decides; SGE and LSF count from 1.
    [TestCase("SLURM_ARRAY_TASK_ID=0", 0), TestCase("SLURM_ARRAY_TASK_ID=7 PBS_ARRAY_INDEX=1", 7)]
    [TestCase("PBS_ARRAY_INDEX=5 SGE_TASK_ID=9", 5), TestCase("SGE_TASK_ID=9 LSB_JOBINDEX=2", 8)]
    [TestCase("SGE_TASK_ID=undefined LSB_JOBINDEX=2", 1), TestCase("SLURM_ARRAY_TASK_ID= LSB_JOBINDEX=1", 0)]
    public void The_index_comes_from_the_first_scheduler_that_has_one(string environment, int index)
        => Assert.That(ArrayIndex.Read(In(environment)).Index, Is.EqualTo(index));

    [TestCase(""), TestCase("SGE_TASK_ID=undefined"), TestCase("LSB_JOBINDEX=0")]
    public void Outside_of_arrays_there_is_none(string environment)
        => Assert.That(() => ArrayIndex.Read(In(environment)), Throws.TypeOf<UserException>().With.Message
            .Contains("no number of an array task in SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX, SGE_TASK_ID, "
                + "LSB_JOBINDEX"));

    [TestCase("SLURM_ARRAY_TASK_ID=x", "whole number from 0"), TestCase("PBS_ARRAY_INDEX=-1", "from 0")]
    [TestCase("SGE_TASK_ID=0", "whole number from 1"), TestCase("SLURM_ARRAY_TASK_ID=1.5", "from 0")]
    public void What_is_no_index_is_refused(string environment, string message)
        => Assert.That(() => ArrayIndex.Read(In(environment)),
            Throws.TypeOf<UserException>().With.Message.Contains(message));

    static Func<string, string?> In(string environment)
    {
        var values = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=')).ToDictionary(p => p[0], p => p[1]);
        return name => values.GetValueOrDefault(name);
    }
}
