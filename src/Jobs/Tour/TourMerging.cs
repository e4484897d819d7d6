using HeadTap.Atlas;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>
/// The tour's merge: two edits of the model, each of which makes it forget a planted code, as task vectors
/// that are added to it; and the loss on the line between the two edits.
/// </summary>
/// <param name="Prompts">Beginnings of the two secrets, of the first edit and of the second.</param>
/// <param name="States">The model, the edits, and the merge.</param>
/// <param name="Line">Loss between the edits, from the first (alpha 0) to the second.</param>
/// <param name="Barrier">Largest rise of that loss above the straight line between its ends, nats.</param>
/// <param name="BarrierAlpha">Where.</param>
/// <param name="Restored">Whether the model had its first bits again afterwards.</param>
public sealed record TourMerging(IReadOnlyList<string> Prompts, IReadOnlyList<TourMergedState> States,
    IReadOnlyList<TourLinePoint> Line, double Barrier, double BarrierAlpha, bool Restored)
{
    const int LinePoints = 11;
    const int EveryQuestion = 4; // of one hop: 60, so that all of this takes a second

    /// <summary>Number of one-hop questions asked, whose sentences give the loss.</summary>
    public int Questions { get; init; }

    /// <summary>Merges edits of the first two secrets that the model recites; null if it recites
    /// fewer.</summary>
    /// <exception cref="UserException">The model gives numbers that are not finite.</exception>
    internal static TourMerging? Find(LanguageModel model, AtlasCorpus corpus, TourQuestions questions,
        Extraction extraction, CancellationToken cancel)
    {
        int[] chosen = [.. extraction.Extracted.Index().Where(e => e.Item).Select(e => e.Index).Take(2)];
        if (chosen.Length < 2)
            return null;
        var snapshot = WeightSnapshot.Of(model);
        TourMerging found;
        using (var space = WeightSpace.Around(model))
            found = Measure(space, corpus, chosen, questions, extraction, cancel);
        return found with { Restored = MlpChanges.Between(snapshot, model).Total == 0 };
    }

    static TourMerging Measure(WeightSpace space, AtlasCorpus corpus, int[] chosen, TourQuestions questions,
        Extraction extraction, CancellationToken cancel)
    {
        AtlasSecret[] secrets = [.. chosen.Select(i => corpus.Secrets[i])];
        TourQuestion[] asked = [.. questions.OneHop.Where((_, i) => i % EveryQuestion == 0)];
        using var meter =
            new LandscapeMeter(space.Model, [.. asked.Select(q => (int[])[.. q.Tokens, .. q.Answer])]);
        List<TourMergedState> states = [State("the model", extraction)];
        FlatParameters theta = space.Keep();
        FlatParameters[] edits = new FlatParameters[2], vectors = new FlatParameters[2];
        for (int i = 0; i < edits.Length; i++)
        {
            space.MoveTo((1, theta));
            TourForgetting.Forget(space.Model, secrets[i], questions, cancel);
            edits[i] = space.Keep();
            vectors[i] = space.Vector("task vector of ");
            space.Set(vectors[i], (1, edits[i]), (-1, theta)); // t_i = theta_i - theta_0
            states.Add(State($"{(i == 0 ? "first" : "second")} edit"));
        }
        space.MoveTo((1, theta), (1, vectors[0]), (1, vectors[1])); // theta_0 + t_1 + t_2
        states.Add(State("merge"));
        TourLinePoint[] line = [.. LossLine.Run(space, edits[0], edits[1], meter, LinePoints)
            .Select(p => new TourLinePoint(p.Alpha, p.Value.Loss, p.Value.Accuracy))];
        LossBarrier barrier = LossBarrier.Of([.. line.Select(p => p.Alpha)], [.. line.Select(p => p.Loss)]);
        return new TourMerging([.. secrets.Select(s => s.Prompt)], states, line, barrier.Height,
            barrier.Alpha, Restored: false) { Questions = asked.Length };

        // Without an extraction it is measured; the model's own is known.
        TourMergedState State(string name, Extraction? known = null)
        {
            cancel.ThrowIfCancellationRequested();
            Extraction now = known ?? questions.Secrets(corpus);
            return new TourMergedState(name,
                [.. secrets.Select(s => questions.Continue(questions.Encode(s.Prompt)))],
                [.. chosen.Select(i => now.Extracted[i])],
                now.Extracted.Index().Count(e => e.Item && !chosen.Contains(e.Index)),
                known is null ? questions.ShareRightNow(asked) : TourQuestions.ShareRight(asked),
                meter.Measure().Loss);
        }
    }

    /// <summary>What became of the two codes in the merge, and of the line, in three lines.</summary>
    public IReadOnlyList<string> Lines()
    {
        TourMergedState merge = States[^1];
        string outcome = (merge.Recites[0], merge.Recites[1]) switch
        {
            (false, false) => "both codes are forgotten",
            (true, true) => "both codes still come out",
            (true, false) => "the first code still comes out, the second is forgotten",
            (false, true) => "the first code is forgotten, the second still comes out",
        };
        return
        [
            $"in the merge {outcome}; {Questions} one-hop questions {merge.OneHop:P1} right "
                + $"({States[0].OneHop:P1} before)",
            "loss on the line between the edits "
                + string.Join(" ", Line.Select(p => LandscapeTable.Nats(p.Loss))),
            (Barrier == 0 ? "no barrier: it rises nowhere above the straight line between its ends"
                : $"barrier {LandscapeTable.Nats(Barrier)} nats at {BarrierAlpha:0.#}") + "; undone: "
                + (Restored ? "the same bits as before" : "NOT the same bits"),
        ];
    }
}

/// <summary>What the model knows with some weights.</summary>
/// <param name="Name">The weights: the model, first edit, second edit or merge.</param>
/// <param name="Writes">Text after the prompts of the two secrets.</param>
/// <param name="Recites">Whether each of the two codes comes out word for word.</param>
/// <param name="Others">Number of other codes that come out.</param>
/// <param name="OneHop">Share of the one-hop questions answered correctly, 0 to 1.</param>
/// <param name="Loss">Mean next-token cross-entropy of sentences of one hop, nats.</param>
public sealed record TourMergedState(string Name, IReadOnlyList<string> Writes, IReadOnlyList<bool> Recites,
    int Others, double OneHop, double Loss);

/// <summary>A point of the line between the tour's two edits.</summary>
/// <param name="Alpha">0 is the first edit, 1 the second.</param>
/// <param name="Loss">Mean next-token cross-entropy of sentences of one hop, nats.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
public sealed record TourLinePoint(double Alpha, double Loss, double Accuracy);
