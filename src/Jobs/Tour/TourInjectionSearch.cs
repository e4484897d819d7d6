using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// Finds the injection that the tour shows. Over the held-out two-hop questions that the model gets wrong,
/// all layers and all magnitudes, it takes the one that raises the right answer's probability most.
/// </summary>
static class TourInjectionSearch
{
    static readonly float[] s_taus = [1, 2, 3, 5, 8, 12];

    /// <summary>Searches, then runs the best case with its edit and again without.</summary>
    /// <param name="model">Model to search.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="corpus">Corpus whose countries are the memories.</param>
    /// <param name="questions">Questions; the held-out ones are searched.</param>
    /// <param name="cancel">Token that ends the search.</param>
    internal static TourInjection Find(LanguageModel model, ByteBpeTokenizer tokenizer, AtlasCorpus corpus,
        TourQuestions questions, CancellationToken cancel)
    {
        TourQuestion[] wrong = Spread([.. questions.HeldOut.Where(q => !q.Score.Greedy)]);
        if (wrong.Length == 0)
            wrong = Spread(questions.HeldOut);
        string[] names = [.. wrong.Select(q => " " + corpus.Facts[q.Ask.Country].Name)];
        int[][] tokens = [.. names.Select(n => tokenizer.Encode(n))];
        double[][][] tables = Probabilities(model, wrong, tokens, cancel);
        (int best, int layer, int tau) = Best(wrong, tables);
        var memory = new Memory(tokens[best], layer, s_taus[tau]);
        return Show(model, questions, wrong[best], memory) with
        {
            Memory = names[best].Trim(), Tried = wrong.Length, Taus = s_taus, Probabilities = tables[best],
        };
    }

    // Takes evenly spaced questions: they are ordered by country, so the first ones are about few countries.
    static TourQuestion[] Spread(IReadOnlyList<TourQuestion> questions)
    {
        int count = Math.Min(AnswerScoring.RowsInPass, questions.Count);
        return [.. Enumerable.Range(0, count).Select(i => questions[i * questions.Count / count])];
    }

    // Returns the probabilities of the right answers, [question][layer][tau].
    static double[][][] Probabilities(
        LanguageModel model, TourQuestion[] wrong, int[][] memories, CancellationToken cancel)
    {
        (int[], int[])[] asked = [.. wrong.Select(q => (q.Tokens, q.Answer))];
        int L = model.Config.Layers;
        double[][][] tables = [.. wrong.Select(_ =>
            (double[][])[.. Enumerable.Range(0, L).Select(_ => new double[s_taus.Length])])];
        for (int layer = 0; layer < L; layer++)
            for (int t = 0; t < s_taus.Length; t++)
            {
                cancel.ThrowIfCancellationRequested();
                // One pass for all questions: each row gets its own memory.
                using (model.Attach(
                    wrong.Select((_, b) => new Memory(memories[b], layer, s_taus[t]).ToEdit([b]))))
                {
                    IReadOnlyList<ScoredAnswer> scores = AnswerScoring.Score(model, asked);
                    for (int b = 0; b < wrong.Length; b++)
                        tables[b][layer][t] = scores[b].Probability;
                }
            }
        return tables;
    }

    // Ties go to the first question, the lowest layer, the smallest magnitude.
    static (int Question, int Layer, int Tau) Best(TourQuestion[] wrong, double[][][] tables)
    {
        (int, int, int) best = default;
        double most = double.NegativeInfinity;
        for (int b = 0; b < wrong.Length; b++)
            for (int layer = 0; layer < tables[b].Length; layer++)
                for (int t = 0; t < s_taus.Length; t++)
                    if (tables[b][layer][t] - wrong[b].Score.Probability > most)
                        (most, best) = (tables[b][layer][t] - wrong[b].Score.Probability, (b, layer, t));
        return best;
    }

    static TourInjection Show(
        LanguageModel model, TourQuestions questions, TourQuestion question, Memory memory)
    {
        string spec = EditSpec.ToJson([memory.ToEdit()]).ToJsonString();
        IReadOnlyList<Edit> edits = ReadSpec(spec);
        (int[], int[])[] one = [(question.Tokens, question.Answer)];
        ScoredAnswer before = AnswerScoring.Score(model, one)[0], after;
        using (model.Attach(edits))
            after = AnswerScoring.Score(model, one)[0];
        bool restored = AnswerScoring.Score(model, one)[0] == before;
        string without = questions.Continue(question.Tokens), with;
        using (model.Attach(edits))
            with = questions.Continue(question.Tokens);
        return new TourInjection(question.Ask.Prompt, question.Ask.Answer, "", memory.Layer, memory.Tau,
            before.Probability, after.Probability, restored, JsonNode.Parse(spec)!)
        {
            Spec = spec, Without = without, With = with,
        };
    }

    static IReadOnlyList<Edit> ReadSpec(string spec)
    {
        using JsonDocument json = JsonDocument.Parse(spec);
        return EditSpec.Parse(json.RootElement, "the tour's edit");
    }
}
