using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>A question of the atlas as tokens, with the model's score of the right answer.</summary>
/// <param name="Ask">Question as text.</param>
/// <param name="Tokens">Token ids of begin-of-text and the prompt.</param>
/// <param name="Answer">Token ids of the answer and the full stop.</param>
/// <param name="Score">Score of the answer without an edit.</param>
sealed record TourQuestion(AtlasPrompt Ask, int[] Tokens, int[] Answer, ScoredAnswer Score);

/// <summary>Asks a model the atlas's questions: a fixed sample of each kind, the same in every run.</summary>
sealed class TourQuestions
{
    const int MostAsked = 240;
    const int Shown = 3;

    readonly LanguageModel _model;
    readonly ByteBpeTokenizer _tokenizer;

    internal TourQuestions(LanguageModel model, ByteBpeTokenizer tokenizer, AtlasCorpus corpus)
    {
        (_model, _tokenizer) = (model, tokenizer);
        var prompts = new AtlasPrompts(corpus);
        // Questions with several right answers (neighbours) are left out: the probability of one answer says
        // little.
        OneHop = Ask(prompts.OneHop().Where(p => p.Answers.Count == 1));
        Trained = Ask(prompts.TwoHop(trained: true));
        HeldOut = Ask(prompts.TwoHop(trained: false));
    }

    internal IReadOnlyList<TourQuestion> OneHop { get; }

    internal IReadOnlyList<TourQuestion> Trained { get; }

    internal IReadOnlyList<TourQuestion> HeldOut { get; }

    /// <summary>
    /// Returns the kinds in the order of the page, with examples written by the model in its current state.
    /// </summary>
    internal IEnumerable<TourKind> Kinds() =>
    [
        Kind("one hop", OneHop), Kind("two hops, told in training", Trained),
        Kind("two hops, never told", HeldOut),
    ];

    /// <summary>The question whose heads are shown.</summary>
    internal TourQuestion ForLens => KnownCapital(OneHop);

    /// <summary>
    /// Returns the first question about a capital that is answered correctly, or the first about a capital.
    /// </summary>
    internal static TourQuestion KnownCapital(IReadOnlyList<TourQuestion> asked)
        => asked.FirstOrDefault(q => q.Ask.Target == AtlasRelation.Capital && q.Score.Greedy)
        ?? asked.First(q => q.Ask.Target == AtlasRelation.Capital);

    // Takes evenly spaced questions.
    static IEnumerable<TourQuestion> Examples(IReadOnlyList<TourQuestion> asked)
        => Enumerable.Range(0, Math.Min(Shown, asked.Count))
            .Select(i => asked[(2 * i + 1) * asked.Count / (2 * Shown)]);

    TourKind Kind(string name, IReadOnlyList<TourQuestion> asked) => new(
        name, asked.Count, ShareRight(asked),
        [.. Examples(asked).Select(q => new TourExample(
            q.Ask.Prompt, q.Ask.Answer.Trim(), q.Score.Probability, Continue(q.Tokens)))]);

    /// <summary>Returns the share of questions that was answered correctly without an edit.</summary>
    internal static double ShareRight(IReadOnlyList<TourQuestion> asked)
        => (double)asked.Count(q => q.Score.Greedy) / Math.Max(1, asked.Count);

    /// <summary>Measures which secrets the model in its current state recites.</summary>
    internal Extraction Secrets(AtlasCorpus corpus) => Extraction.Measure(_model,
        [.. corpus.Secrets.Select(s => (Encode(s.Prompt), _tokenizer.Encode(s.Continuation)))]);

    /// <summary>
    /// Returns the share of questions that the model in its current state answers correctly.
    /// </summary>
    internal double ShareRightNow(IReadOnlyList<TourQuestion> asked) => (double)AnswerScoring
        .Score(_model, [.. asked.Select(q => (q.Tokens, q.Answer))]).Count(s => s.Greedy)
        / Math.Max(1, asked.Count);

    /// <summary>Returns the text that the model writes after a prompt, up to the full stop.</summary>
    internal string Continue(int[] prompt)
    {
        int[] added = new Generator(_model).Generate(new SequenceBatch([prompt]), new GenerationOptions
        {
            MaxNewTokens = Math.Min(8, _model.Config.ContextLength - prompt.Length),
        })[0];
        string text = _tokenizer.Decode(added);
        int end = text.IndexOf('.', StringComparison.Ordinal);
        return (end < 0 ? text + " ..." : text[..end]).Trim();
    }

    /// <summary>Encodes a text after begin-of-text, as in training documents.</summary>
    internal int[] Encode(string text)
        => _tokenizer.EndOfText is { } start ? [start, .. _tokenizer.Encode(text)] : _tokenizer.Encode(text);

    TourQuestion[] Ask(IEnumerable<AtlasPrompt> prompts)
    {
        AtlasPrompt[] all = [.. prompts];
        int asked = Math.Min(MostAsked, all.Length);
        AtlasPrompt[] sample = [.. Enumerable.Range(0, asked).Select(i => all[(long)i * all.Length / asked])];
        (int[] Prompt, int[] Answer)[] tokens =
            [.. sample.Select(p => (Encode(p.Prompt), _tokenizer.Encode(p.Answer + ".")))];
        IReadOnlyList<ScoredAnswer> scores = AnswerScoring.Score(_model, tokens);
        return [.. sample.Select((p, i) =>
            new TourQuestion(p, tokens[i].Prompt, tokens[i].Answer, scores[i]))];
    }
}
