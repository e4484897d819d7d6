using System.Text.Json;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Cli;

/// <summary>
/// The injection that the tour shows, found by search: of held-out two-hop questions that the model gets
/// wrong, layers and magnitudes, the one whose memory raises the right answer's probability most.
/// </summary>
/// <param name="Question">The question.</param>
/// <param name="Memory">The country that the question goes round.</param>
/// <param name="Name">The memory's text.</param>
/// <param name="Spec">The memory as an edit spec.</param>
/// <param name="After">The right answer's score under the spec, read back from its JSON.</param>
/// <param name="Restored">Whether the score after the edit ended has the same bits as before.</param>
/// <param name="Table">Probability by layer and magnitude.</param>
/// <param name="Tried">Questions that took part in the search.</param>
sealed record TourInjection(TourQuestion Question, Memory Memory, string Name,
    string Spec, ScoredAnswer After,
    bool Restored, double[,] Table, int Tried)
{
    /// <summary>The magnitudes that are tried.</summary>
    internal static readonly float[] Taus = [1, 2, 3, 5, 8, 12];

    internal static TourInjection Find(LanguageModel model, ByteBpeTokenizer tokenizer, AtlasCorpus corpus,
        IReadOnlyList<TourQuestion> asked, CancellationToken cancel)
    {
        TourQuestion[] wrong = Spread([.. asked.Where(q => !q.Score.Greedy)]);
        if (wrong.Length == 0)
            wrong = Spread(asked);
        string[] names = [.. wrong.Select(q => " " + corpus.Facts[q.Ask.Country].Name)];
        int[][] tokens = [.. names.Select(n => tokenizer.Encode(n))];
        (int[], int[])[] questions = [.. wrong.Select(q => (q.Tokens, q.Answer))];
        int L = model.Config.Layers;
        double[][,] tables = [.. wrong.Select(_ => new double[L, Taus.Length])];
        for (int layer = 0; layer < L; layer++)
            for (int t = 0; t < Taus.Length; t++)
            {
                cancel.ThrowIfCancellationRequested();
                // One pass for all questions: each row gets its own memory.
                using (model.Attach(
                    wrong.Select((_, b) => new Memory(tokens[b], layer, Taus[t]).ToEdit([b]))))
                {
                    IReadOnlyList<ScoredAnswer> scores = AnswerScoring.Score(model, questions);
                    for (int b = 0; b < wrong.Length; b++)
                        tables[b][layer, t] = scores[b].Probability;
                }
            }
        (int best, int bestLayer, int bestTau) = Best(wrong, tables);
        return Show(model, wrong[best], new Memory(tokens[best], bestLayer, Taus[bestTau]),
            names[best].Trim(),
            tables[best], wrong.Length);
    }

    // Evenly spaced: questions come by country, and their beginning is a few countries only.
    static TourQuestion[] Spread(IReadOnlyList<TourQuestion> questions)
    {
        int count = Math.Min(AnswerScoring.RowsInPass, questions.Count);
        return [.. Enumerable.Range(0, count).Select(i => questions[i * questions.Count / count])];
    }

    // Ties go to the first question, the lowest layer, the smallest magnitude.
    static (int Question, int Layer, int Tau) Best(TourQuestion[] wrong, double[][,] tables)
    {
        (int, int, int) best = default;
        double most = double.NegativeInfinity;
        for (int b = 0; b < wrong.Length; b++)
            for (int layer = 0; layer < tables[b].GetLength(0); layer++)
                for (int t = 0; t < Taus.Length; t++)
                    if (tables[b][layer, t] - wrong[b].Score.Probability > most)
                        (most, best) = (tables[b][layer, t] - wrong[b].Score.Probability, (b, layer, t));
        return best;
    }

    static TourInjection Show(LanguageModel model, TourQuestion question, Memory memory,
        string name, double[,] table,
        int tried)
    {
        string spec = EditSpec.ToJson([memory.ToEdit()]).ToJsonString();
        IReadOnlyList<Edit> edits = ReadSpec(spec);
        (int[], int[])[] one = [(question.Tokens, question.Answer)];
        ScoredAnswer before = AnswerScoring.Score(model, one)[0], after;
        using (model.Attach(edits))
            after = AnswerScoring.Score(model, one)[0];
        bool restored = AnswerScoring.Score(model, one)[0] == before;
        return new(question with { Score = before }, memory, name, spec, after, restored, table, tried);
    }

    internal static IReadOnlyList<Edit> ReadSpec(string spec)
    {
        using JsonDocument json = JsonDocument.Parse(spec);
        return EditSpec.Parse(json.RootElement, "the tour's edit");
    }
}
