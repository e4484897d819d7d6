using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>The tour's forgetting: one planted code, by a few steps of gradient ascent, and back.</summary>
/// <param name="Prompt">The beginning of the secret's sentence.</param>
/// <param name="Before">What the model writes after the prompt.</param>
/// <param name="After">The same after the edit.</param>
/// <param name="OthersBefore">Other secrets that come out.</param>
/// <param name="OthersAfter">The same after the edit.</param>
/// <param name="OneHopAfter">Share of the one-hop questions answered rightly after the edit.</param>
/// <param name="ChangedWeights">Weights that differ.</param>
/// <param name="Restored">Whether the model was the same bits again afterwards.</param>
public sealed record TourForgetting(string Prompt, string Before, string After, int OthersBefore,
    int OthersAfter, double OneHopAfter, long ChangedWeights, bool Restored)
{
    // Over this sentence alone. Enough for the code to be gone, few enough that the other codes stay:
    // docs/unlearn.md.
    const int AscentSteps = 4;

    /// <summary>Share of the one-hop questions answered rightly before the edit.</summary>
    [JsonIgnore]
    public double OneHopBefore { get; init; }

    /// <summary>Forgets the first secret that comes out; null where none does.</summary>
    /// <exception cref="UserException">The model's numbers are broken.</exception>
    internal static TourForgetting? Find(LanguageModel model, AtlasCorpus corpus, TourQuestions questions,
        Extraction extraction, CancellationToken cancel)
    {
        int chosen = Array.IndexOf([.. extraction.Extracted], true);
        if (chosen < 0)
            return null;
        AtlasSecret secret = corpus.Secrets[chosen];
        int[] prompt = questions.Encode(secret.Prompt);
        string before = questions.Continue(prompt);
        int others = extraction.Extracted.Count(e => e) - 1;
        var snapshot = WeightSnapshot.Of(model);
        var task = new UnlearnTask
        {
            Model = model, Forget = [questions.Encode(secret.Sentence)], Prompt = prompt.Length,
            Options = new() { ["Epochs"] = AscentSteps }, Cancel = cancel,
        };
        TourForgetting found;
        new GradientAscent().Find(task, 1).Apply(model, 1);
        try
        {
            Extraction after = questions.Secrets(corpus);
            found = new TourForgetting(secret.Prompt, before, questions.Continue(prompt), others,
                after.Extracted.Index().Count(e => e.Item && e.Index != chosen),
                questions.ShareRightNow(questions.OneHop), MlpChanges.Between(snapshot, model).Total,
                Restored: false)
            {
                OneHopBefore = TourQuestions.ShareRight(questions.OneHop),
            };
        }
        finally
        {
            snapshot.Restore(model);
        }
        return found with { Restored = MlpChanges.Between(snapshot, model).Total == 0 };
    }

    /// <summary>What happened, in three lines.</summary>
    public IReadOnlyList<string> Lines() =>
    [
        $"\"{Prompt} ...\" is forgotten by {AscentSteps} steps of gradient ascent: before, the model writes "
            + $"\"{Before}\", after, \"{After}\"",
        $"{OthersAfter} of {OthersBefore} other codes still come out; one-hop questions {OneHopAfter:P1} "
            + $"right ({OneHopBefore:P1} before); {ChangedWeights} weights changed",
        $"undone: {(Restored ? "the same bits as before" : "NOT the same bits")}",
    ];
}
