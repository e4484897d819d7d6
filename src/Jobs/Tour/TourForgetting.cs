using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>
/// The tour's forgetting: removes one planted code by a few steps of gradient ascent, then undoes the edit.
/// </summary>
/// <param name="Prompt">Beginning of the secret's sentence.</param>
/// <param name="Before">Text that the model writes after the prompt, before the edit.</param>
/// <param name="After">Text that the model writes after the prompt, after the edit.</param>
/// <param name="OthersBefore">Number of other secrets that the model recites before the edit.</param>
/// <param name="OthersAfter">Number of other secrets that the model recites after the edit.</param>
/// <param name="OneHopAfter">Share of the one-hop questions answered correctly after the edit, 0 to
/// 1.</param>
/// <param name="ChangedWeights">Number of weights that differ.</param>
/// <param name="Restored">Whether the model had its first bits again afterwards.</param>
public sealed record TourForgetting(string Prompt, string Before, string After, int OthersBefore,
    int OthersAfter, double OneHopAfter, long ChangedWeights, bool Restored)
{
    // Steps on this one sentence: enough to remove the code, few enough to keep the other codes
    // (docs/unlearn.md).
    internal const int AscentSteps = 4;

    /// <summary>Share of the one-hop questions answered correctly before the edit, 0 to 1.</summary>
    [JsonIgnore]
    public double OneHopBefore { get; init; }

    /// <summary>Forgets the first secret that the model recites; null if it recites none.</summary>
    /// <exception cref="UserException">The model gives numbers that are not finite.</exception>
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
        TourForgetting found;
        Forget(model, secret, questions, cancel);
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

    /// <summary>Takes the steps that raise the loss of one secret's sentence.</summary>
    internal static void Forget(
        LanguageModel model, AtlasSecret secret, TourQuestions questions, CancellationToken cancel)
        => new GradientAscent().Find(new UnlearnTask
        {
            Model = model, Forget = [questions.Encode(secret.Sentence)],
            Prompt = questions.Encode(secret.Prompt).Length,
            Options = new() { ["Epochs"] = AscentSteps }, Cancel = cancel,
        }, 1).Apply(model, 1);

    /// <summary>Returns a description in three lines.</summary>
    public IReadOnlyList<string> Lines() =>
    [
        $"\"{Prompt} ...\" is forgotten by {AscentSteps} steps of gradient ascent: before, the model writes "
            + $"\"{Before}\", after, \"{After}\"",
        $"{OthersAfter} of {OthersBefore} other codes still come out; one-hop questions {OneHopAfter:P1} "
            + $"right ({OneHopBefore:P1} before); {Counted.Of(ChangedWeights, "weight")} changed",
        $"undone: {(Restored ? "the same bits as before" : "NOT the same bits")}",
    ];
}
