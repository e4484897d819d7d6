using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>Number of right answers to the prompts of one kind and target.</summary>
/// <param name="Kind">One of <see cref="AtlasPromptKind"/>.</param>
/// <param name="Target">Relation that was asked for; null for secrets and for all targets together.</param>
/// <param name="Right">Number of prompts that were answered correctly.</param>
/// <param name="Total">Number of prompts.</param>
public sealed record AtlasScore(string Kind, AtlasRelation? Target, int Right, int Total)
{
    /// <summary>Share of right answers, Right / Total; 0 without prompts.</summary>
    public double Share => (double)Right / Math.Max(Total, 1);
}

/// <summary>
/// Asks a model every question of an atlas. An answer is right if each of its tokens, and the full stop after
/// it, is the most probable next token, so greedy generation would write it.
/// </summary>
/// <remarks>
/// The prompt is run with the answer, and each answer token is compared with the most probable token at its
/// position (teacher forcing). Up to the first difference the text is the same as in greedy generation, so
/// one pass gives the same result.
/// </remarks>
public sealed class AtlasEvaluation
{
    const int RowsInPass = 64;

    AtlasEvaluation(IReadOnlyList<AtlasScore> scores) => Scores = scores;

    /// <summary>Scores per kind of prompt, then per kind and target.</summary>
    public IReadOnlyList<AtlasScore> Scores { get; }

    /// <summary>
    /// Gets the score of a kind of prompt, for one target or, with null, for all targets together.
    /// </summary>
    /// <exception cref="InvalidOperationException">There are no such prompts.</exception>
    public AtlasScore this[string kind, AtlasRelation? target = null] =>
        Scores.First(score => score.Kind == kind && score.Target == target);

    /// <summary>Asks a model all questions of a corpus.</summary>
    /// <param name="model">Model to ask.</param>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="corpus">Corpus whose questions are asked.</param>
    /// <param name="progress">Callback that gets the rows done and the number of all rows; a row is a prompt
    /// with one of its answers.</param>
    /// <exception cref="UserException">The tokenizer has no end-of-text token, or a prompt does not fit the
    /// model's context or vocabulary.</exception>
    public static AtlasEvaluation Run(LanguageModel model, ByteBpeTokenizer tokenizer, AtlasCorpus corpus,
        Action<int, int>? progress = null)
    {
        var prompts = new AtlasPrompts(corpus);
        AtlasPrompt[] all =
        [
            .. prompts.OneHop(), .. prompts.TwoHop(trained: true), .. prompts.TwoHop(trained: false),
            .. prompts.Secrets(),
        ];
        bool[] right = Ask(model, tokenizer, all, progress);
        (AtlasPrompt Prompt, bool Right)[] answers = [.. all.Zip(right)];
        return new AtlasEvaluation(
        [
            .. answers.GroupBy(a => (a.Prompt.Kind, Target: (AtlasRelation?)null)).Select(Score),
            .. answers.Where(a => a.Prompt.Target is not null)
                .GroupBy(a => (a.Prompt.Kind, a.Prompt.Target)).Select(Score),
        ]);
    }

    /// <summary>Returns whether the model answers each prompt with one of its right answers.</summary>
    /// <exception cref="UserException">The tokenizer has no end-of-text token, or a prompt does not fit the
    /// model's context or vocabulary.</exception>
    public static bool[] Ask(LanguageModel model, ByteBpeTokenizer tokenizer,
        IReadOnlyList<AtlasPrompt> prompts,
        Action<int, int>? progress = null)
    {
        int start = tokenizer.EndOfText ?? throw new UserException(
            "The tokenizer has no <|endoftext|> token, which stands before every document of the atlas.");
        var rows = new List<Row>();
        for (int i = 0; i < prompts.Count; i++)
        {
            int[] prompt = [start, .. tokenizer.Encode(prompts[i].Prompt)];
            foreach (string answer in prompts[i].Answers)
                rows.Add(new Row(i, prompt.Length, [.. prompt, .. tokenizer.Encode(answer + ".")]));
        }
        if (rows.Count == 0)
            return [];
        bool[] right = new bool[prompts.Count];
        // Rows of similar length go into one pass, so there is little padding.
        rows.Sort((a, b) => (a.Tokens.Length, a.Prompt).CompareTo((b.Tokens.Length, b.Prompt)));
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = RowsInPass, MaxTokens = rows[^1].Tokens.Length - 1, Logits = LogitsAt.All,
        });
        int done = 0;
        foreach (Row[] pass in rows.Chunk(RowsInPass))
        {
            Mark(session, pass, right);
            progress?.Invoke(done += pass.Length, rows.Count);
        }
        return right;
    }

    /// <summary>Returns the scores as a table.</summary>
    public string Describe()
    {
        var text = new StringBuilder("questions           target       right  total   share\n");
        foreach (AtlasScore score in Scores)
            text.Append(CultureInfo.InvariantCulture,
                $"{score.Kind,-19} {score.Target?.ToString() ?? "all",-11} ")
                .Append(CultureInfo.InvariantCulture,
                    $"{score.Right,6} {score.Total,6} {score.Share,7:P1}\n");
        return text.ToString();
    }

    /// <summary>One row of a pass: the tokens of a prompt and one of its answers.</summary>
    readonly record struct Row(int Prompt, int AnswerAt, int[] Tokens);

    static AtlasScore Score(IGrouping<(string Kind, AtlasRelation? Target),
        (AtlasPrompt Prompt, bool Right)> group) =>
        new(group.Key.Kind, group.Key.Target, group.Count(a => a.Right), group.Count());

    static void Mark(ModelSession session, Row[] rows, bool[] right)
    {
        // The last token is not an input, only a target.
        var batch = new SequenceBatch([.. rows.Select(row => (IReadOnlyList<int>)row.Tokens[..^1])]);
        session.Forward(batch);
        Tensor logits = session.Logits;
        using var arena = new TensorArena(logits.Device, batch.B * batch.T, "most probable tokens");
        IndexTensor most = arena.CutIndices("most probable tokens", batch.B * batch.T);
        session.Model.Ops.ArgMax(logits.Reshape(batch.B * batch.T, logits.Columns), most);
        int[] found = most.ToArray();
        for (int b = 0; b < rows.Length; b++)
        {
            Row row = rows[b];
            bool same = true;
            for (int t = row.AnswerAt; t < row.Tokens.Length; t++)
                same &= found[b * batch.T + t - 1] == row.Tokens[t];
            right[row.Prompt] |= same;
        }
    }
}
