using System.Text.Json;

namespace HeadTap.Models.Tests;

public class EditReachTests
{
    static readonly Edit Zero = new() { Site = "hook_embed", Operation = EditOperation.Zero };

    [TestCase(-1, 5, ExpectedResult = new[] { 4 }), TestCase(-5, 5, ExpectedResult = new[] { 0 }),
     TestCase(-6, 5, ExpectedResult = new int[0]), TestCase(-1, 0, ExpectedResult = new int[0])]
    public int[] A_negative_position_counts_from_the_end_of_its_row(int position, int length)
        => Touched(EditPositions.List([position]), length);

    [Test]
    public void From_a_negative_position_is_the_end_of_each_row()
    {
        Assert.That(Touched(EditPositions.From(-2), 5), Is.EqualTo((int[])[3, 4]));
        Assert.That(Touched(EditPositions.From(-9), 3), Is.EqualTo((int[])[0, 1, 2]), "all of a short row");
        Assert.That(Touched(EditPositions.List([0, -1]), 3), Is.EqualTo((int[])[0, 2]));
        Assert.That(Touched(EditPositions.List([2, -1]), 3), Is.EqualTo((int[])[2]), "the same token once");
    }

    [Test]
    public void Minus_one_gives_the_bits_of_last()
    {
        using var run = new EditedRun("cpu512");
        Edit edit = Zero with { Site = "blocks.*.hook_resid_mid" };
        float[] Logits(EditPositions positions)
            => run.Forward(edit with { Positions = positions })[new Site(SiteKind.Logits, 0)].ToArray();
        float[] last = Logits(EditPositions.Last);
        Assert.That(Logits(EditPositions.List([-1])), Is.EqualTo(last));
        Assert.That(Logits(EditPositions.From(-1)), Is.EqualTo(last));
        Assert.That(Logits(EditPositions.All), Is.Not.EqualTo(last));
        run.RequireAgreement(edit with { Positions = EditPositions.List([-2, 0]), Rows = [0, 2] });
    }

    [Test]
    public void Minus_one_is_each_new_token_of_a_generation()
    {
        using var test = new TestModel("cpu512");
        var generator = new Generator(test.Model);
        int[][] Run(EditPositions positions)
        {
            using (test.Model.Attach(Zero with { Site = "blocks.*.mlp.hook_post", Positions = positions }))
                return [.. generator.Generate(new SequenceBatch(test.Tokens(1, 4), test.Tokens(2, 2)),
                    new GenerationOptions { MaxNewTokens = 6 })];
        }
        Assert.That(Run(EditPositions.List([-1])), Is.EqualTo(Run(EditPositions.Last)));
    }

    // positions, from, rows, steps and what one line must say; lengths are 5, 1, 4
    [TestCase("[99]", null, null, "no row has position 99"), TestCase("[0,5]", null, null, "position 5"),
     TestCase("[-6]", null, null, "position -6"), TestCase("[4]", "[1,2]", null, "position 4"),
     TestCase("{\"from\":5}", null, null, "position 5"), TestCase(null, null, "[1]", "step 1 is never"),
     TestCase(null, null, "[0,3]", "a single pass is step 0"), TestCase("[]", null, null, "are none"),
     TestCase(null, "[]", null, "are none"), TestCase(null, null, "[]", "are none")]
    public void What_a_single_pass_has_not_is_refused(
        string? positions, string? rows, string? steps, string words)
    {
        Edit edit = Parse(positions, rows, steps);
        BadInput.Refused(() => EditReach.Require([Zero, edit], [5, 1, 4]), words, "hook_embed");
        if (edit.Rows is null)
            BadInput.Refused(() => EditReach.RequireInAny([edit], [5, 1, 4]), words);
    }

    [TestCase("[0,4,-1,-5]", null, null), TestCase("{\"from\":4}", "[0]", "[0]"),
     TestCase("\"last\"", "[1]", null), TestCase("{\"from\":-9}", "[1]", null)]
    public void What_some_row_has_is_taken(string? positions, string? rows, string? steps)
        => EditReach.Require([Parse(positions, rows, steps)], [5, 1, 4]);

    [Test]
    public void Rows_mean_nothing_where_the_program_forms_the_batches()
        => BadInput.Refused(() => EditReach.RequireInAny([Zero with { Rows = [0] }], [5]), "leave rows out");

    // Prompts of 3 and 2 tokens, 4 and 1 added: steps 0 to 3, positions to 5.
    [TestCase("[5]", null, null, null), TestCase("[6]", null, null, "no row has position 6"),
     TestCase("[5]", "[1]", null, "no row has position 5"), TestCase(null, null, "[3]", null),
     TestCase(null, null, "[4]", "step 4 is never reached; the last step is 3"),
     TestCase("[3]", null, "[2]", "no row has position 3 in step 2"),
     TestCase("[-1]", null, "[3]", null), TestCase("[-2]", null, "[1]", "position -2 in step 1")]
    public void What_a_generation_never_came_to_is_said(
        string? positions, string? rows, string? steps, string? words)
    {
        IReadOnlyList<string> said =
            EditReach.MissedBy([Zero, Parse(positions, rows, steps)], [3, 2], [4, 1]);
        Assert.That(said, Has.Count.EqualTo(words is null ? 0 : 1));
        if (words is not null)
            Assert.That(said[0], Does.Contain(words).And.Contain("hook_embed"));
    }

    static int[] Touched(EditPositions positions, int length)
        => [.. Enumerable.Range(0, length).Where(t => positions.Contains(t, length))];

    static Edit Parse(string? positions, string? rows, string? steps)
    {
        string fields = string.Concat(new[] { ("positions", positions), ("rows", rows), ("steps", steps) }
            .Where(f => f.Item2 is not null).Select(f => $",\"{f.Item1}\":{f.Item2}"));
        using var json = JsonDocument.Parse(
            $$"""{"edits":[{"site":"hook_embed","op":"zero"{{fields}}}]}""");
        return EditSpec.Parse(json.RootElement, "spec")[0];
    }
}
