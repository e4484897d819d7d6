using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>Right answers among the prompts of one kind and target.</summary>
/// <param name="Kind">One of <see cref="AtlasPromptKind"/>.</param>
/// <param name="Target">What was asked for; null for secrets, and for all targets together.</param>
/// <param name="Right">Prompts answered rightly.</param>
/// <param name="Total">Prompts asked.</param>
public sealed record AtlasScore(string Kind, AtlasRelation? Target, int Right, int Total)
{
    /// <summary>Right / Total; 0 of none is 0.</summary>
    public double Share => (double)Right / Math.Max(Total, 1);
}

/// <summary>
/// Asks a model every question of an atlas. An answer is right when the whole of it and the full stop after
/// it are the most probable tokens one after another: what greedy generation would write.
/// </summary>
/// <remarks>
/// The answer is given and each token compared with the most probable one at its place (teacher forcing): up
/// to the first difference both are the same text, so the verdict is generation's, from one pass.
/// </remarks>
public sealed class AtlasEvaluation
{
    const int RowsInPass = 64;

    AtlasEvaluation(IReadOnlyList<AtlasScore> scores) => Scores = scores;

    /// <summary>A score for each kind of prompt, then one for each kind and target.</summary>
    public IReadOnlyList<AtlasScore> Scores { get; }

    /// <summary>The score of a kind of prompt, all targets together or one.</summary>
    /// <exception cref="InvalidOperationException">There are no such prompts.</exception>
    public AtlasScore this[string kind, AtlasRelation? target = null] =>
        Scores.First(score => score.Kind == kind && score.Target == target);

    /// <summary>Asks all questions of a corpus.</summary>
    /// <param name="model">Is asked.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="corpus">Whose questions.</param>
    /// <param name="progress">Told the rows done so far and in all; a row is a prompt with one of its
    /// answers.</param>
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

    /// <summary>Whether the model answers each prompt with one of its right answers.</summary>
    /// <exception cref="UserException">As <see cref="Run"/>.</exception>
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
        // Rows of one length side by side: little padding.
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

    /// <summary>The scores as a table.</summary>
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

    /// <summary>A prompt with one of its answers.</summary>
    readonly record struct Row(int Prompt, int AnswerAt, int[] Tokens);

    static AtlasScore Score(IGrouping<(string Kind, AtlasRelation? Target),
        (AtlasPrompt Prompt, bool Right)> group) =>
        new(group.Key.Kind, group.Key.Target, group.Count(a => a.Right), group.Count());

    static void Mark(ModelSession session, Row[] rows, bool[] right)
    {
        // The last token is only a target.
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
