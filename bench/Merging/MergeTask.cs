using HeadTap.Atlas;
using HeadTap.Models;

namespace HeadTap.Merging;

/// <summary>Sentences that a model learns by fine-tuning.</summary>
/// <param name="Name">One word.</param>
/// <param name="Training">The sentences, each a document.</param>
/// <param name="Validation">Questions that a third of them answer; settings are chosen by these.</param>
/// <param name="Test">Questions that the others answer.</param>
/// <param name="New">Questions of the same forms that none of them answers.</param>
sealed record MergeTask(string Name, IReadOnlyList<string> Training, IReadOnlyList<AtlasPrompt> Validation,
    IReadOnlyList<AtlasPrompt> Test, IReadOnlyList<AtlasPrompt> New)
{
    /// <summary>Splits sentences by what they are about: a quarter of things is new, the others are
    /// learned.</summary>
    /// <param name="name">Of the task.</param>
    /// <param name="about">One list of (prompt, answer) for each thing.</param>
    /// <param name="random">Draws the split.</param>
    internal static MergeTask Split(
        string name, IReadOnlyList<(string Prompt, string Answer)[]> about, SeededRandom random)
    {
        int[] order = [.. Enumerable.Range(0, about.Count)];
        random.Shuffle(order.AsSpan());
        int chosen = order.Length / 4, trained = order.Length * 3 / 4;
        IEnumerable<(string Prompt, string Answer)> Of(int[] things) => things.SelectMany(t => about[t]);
        AtlasPrompt[] Questions(int[] things) => [.. Of(things).Select(q =>
            new AtlasPrompt(q.Prompt, " " + q.Answer, name, null, null, "", ""))];
        return new MergeTask(name, [.. Of(order[..trained]).Select(q => $"{q.Prompt} {q.Answer}.")],
            Questions(order[..chosen]), Questions(order[chosen..trained]), Questions(order[trained..]));
    }
}
