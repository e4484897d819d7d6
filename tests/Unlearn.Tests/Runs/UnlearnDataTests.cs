using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class UnlearnDataTests
{
    static readonly ModelConfig s_config = MethodCase.Relu;

    static readonly PlantedSequence[] s_forget = [new([1, 2, 3], [1, 2, 4]), new([5, 6, 7, 8])],
        s_keep = [new([9, 10]), new([5, 6, 7, 8]), new([1, 2, 4])];

    [Test]
    public void What_is_to_be_forgotten_is_not_kept_and_the_reference_form_keeps_it()
    {
        UnlearnData corrected = UnlearnData.Of(s_forget, s_keep, MethodForm.Corrected, s_config),
            reference = UnlearnData.Of(s_forget, s_keep, MethodForm.Reference, s_config);
        Assert.That(UnlearnData.Rows(corrected.Keep), Is.EqualTo((int[][])[[9, 10], [1, 2, 4]]));
        Assert.That(UnlearnData.Rows(reference.Keep), Is.EqualTo(UnlearnData.Rows(s_keep)));
        Assert.That((corrected.Overlap, reference.Overlap), Is.EqualTo((1, 1)));
        Assert.That(corrected.Forget, Is.EqualTo(s_forget));
    }

    [Test]
    public void Clean_rows_are_of_those_that_have_one()
        => Assert.That(UnlearnData.CleanRows(s_forget), Is.EqualTo((int[][])[[1, 2, 4]]));

    [Test]
    public void Sets_without_a_use_are_refused()
    {
        void Refused(PlantedSequence[] forget, PlantedSequence[] keep, string message)
            => Assert.That(() => UnlearnData.Of(forget, keep, MethodForm.Corrected, s_config),
                Throws.TypeOf<UserException>().With.Message.StartsWith(message));
        Refused([], s_keep, "the forget set is empty");
        Refused(s_forget, s_forget, "all 2 sequences of the keep set are in the forget set");
        Refused([new([1])], s_keep, "sequence 1 of the forget set has 1 token");
        Refused(s_forget, [new([1, 2]), new(new int[13])], "sequence 2 of the keep set has 13 tokens");
        Assert.That(() => UnlearnData.RequireFits([new(new int[12]), new([1, 2])], "asked", 12),
            Throws.Nothing);
        Assert.That(() => UnlearnData.Of(s_forget, s_forget, MethodForm.Reference, s_config), Throws.Nothing);
    }

    [Test]
    public void Only_what_the_model_recites_is_recited()
    {
        using var test = new MethodCase();
        var options = new MemorisationOptions(2, 3);
        PlantedSequence[] all = [.. Enumerable.Range(0, 4).Select(i =>
        {
            int[] prompt = [3 + i, 11 + 2 * i];
            int[] written = new Generator(test.Model).Generate(
                new SequenceBatch([prompt]), new GenerationOptions { MaxNewTokens = 3 })[0];
            if (i % 2 == 1)
                written[^1] = (written[^1] + 1) % 37;
            return new PlantedSequence([.. prompt, .. written]);
        })];
        Assert.That(UnlearnData.Recited(test.Model, all, options), Is.EqualTo(new[] { all[0], all[2] }));
        Assert.That(() => UnlearnData.Recited(test.Model, [all[1]], options),
            Throws.TypeOf<UserException>().With.Message.StartsWith("the model recites none of 1 sequence,"));
    }
}
