using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>A question of the atlas as tokens, with what the model thinks of the right answer.</summary>
/// <param name="Ask">The question.</param>
/// <param name="Tokens">Begin-of-text and the prompt.</param>
/// <param name="Answer">The answer and the full stop.</param>
/// <param name="Score">The model's view, no edit in force.</param>
sealed record TourQuestion(AtlasPrompt Ask, int[] Tokens, int[] Answer, ScoredAnswer Score);

/// <summary>Asks a model the atlas' questions: a fixed sample of each kind, the same in every run.</summary>
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
        // A neighbour has several right answers; one probability would not say whether the model knows them.
        OneHop = Ask(prompts.OneHop().Where(p => p.Answers.Count == 1));
        Trained = Ask(prompts.TwoHop(trained: true));
        HeldOut = Ask(prompts.TwoHop(trained: false));
    }

    internal IReadOnlyList<TourQuestion> OneHop { get; }

    internal IReadOnlyList<TourQuestion> Trained { get; }

    internal IReadOnlyList<TourQuestion> HeldOut { get; }

    /// <summary>
    /// The kinds in the order in which they are shown, with what the model, as it is now, writes.
    /// </summary>
    internal IEnumerable<TourKind> Kinds() =>
    [
        Kind("one hop", OneHop), Kind("two hops, told in training", Trained),
        Kind("two hops, never told", HeldOut),
    ];

    /// <summary>
    /// The question whose heads are shown: the first about a capital that is answered rightly.
    /// </summary>
    internal TourQuestion ForLens
        => OneHop.FirstOrDefault(q => q.Ask.Target == AtlasRelation.Capital && q.Score.Greedy)
        ?? OneHop.First(q => q.Ask.Target == AtlasRelation.Capital);

    // Evenly spaced.
    static IEnumerable<TourQuestion> Examples(IReadOnlyList<TourQuestion> asked)
        => Enumerable.Range(0, Math.Min(Shown, asked.Count))
            .Select(i => asked[(2 * i + 1) * asked.Count / (2 * Shown)]);

    TourKind Kind(string name, IReadOnlyList<TourQuestion> asked) => new(
        name, asked.Count, ShareRight(asked),
        [.. Examples(asked).Select(q => new TourExample(
            q.Ask.Prompt, q.Ask.Answer.Trim(), q.Score.Probability, Continue(q.Tokens)))]);

    /// <summary>The share that was answered rightly, no edit in force.</summary>
    internal static double ShareRight(IReadOnlyList<TourQuestion> asked)
        => (double)asked.Count(q => q.Score.Greedy) / Math.Max(1, asked.Count);

    /// <summary>Which secrets the model, as it is now, gives away.</summary>
    internal Extraction Secrets(AtlasCorpus corpus) => Extraction.Measure(_model,
        [.. corpus.Secrets.Select(s => (Encode(s.Prompt), _tokenizer.Encode(s.Continuation)))]);

    /// <summary>The share that the model, as it is now, answers rightly.</summary>
    internal double ShareRightNow(IReadOnlyList<TourQuestion> asked) => (double)AnswerScoring
        .Score(_model, [.. asked.Select(q => (q.Tokens, q.Answer))]).Count(s => s.Greedy)
        / Math.Max(1, asked.Count);

    /// <summary>What the model writes after a prompt, up to the full stop.</summary>
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

    /// <summary>Begin-of-text and a text; training documents begin so.</summary>
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
