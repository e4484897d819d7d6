using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merging;

/// <summary>Shares of right answers of a model, a number for each list of questions, 0 to 1.</summary>
/// <param name="Validation">By task.</param>
/// <param name="Test">By task, then the mean of the tasks' new questions, then the atlas's own.</param>
sealed record TaskScores(double[] Validation, double[] Test)
{
    /// <summary>Asks a model.</summary>
    internal static TaskScores Of(ComputeDevice device, string folder, IReadOnlyList<MergeTask> tasks)
    {
        using LanguageModel model = LanguageModel.Load(device, folder);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        double[] all = Shares(Lists(tasks), questions => AtlasEvaluation.Ask(model, tokenizer, questions));
        int n = tasks.Count;
        return new TaskScores(all[..n], [.. all[n..(2 * n)], all[(2 * n)..(3 * n)].Average(), all[^1]]);
    }

    /// <summary>The lists of questions: of validation, of test and new ones, then the atlas's.</summary>
    static AtlasPrompt[][] Lists(IReadOnlyList<MergeTask> tasks) =>
    [
        .. tasks.Select(t => (AtlasPrompt[])[.. t.Validation]),
        .. tasks.Select(t => (AtlasPrompt[])[.. t.Test]), .. tasks.Select(t => (AtlasPrompt[])[.. t.New]),
        AtlasTasks.Known(),
    ];

    static double[] Shares(AtlasPrompt[][] lists, Func<IReadOnlyList<AtlasPrompt>, bool[]> ask)
    {
        bool[] right = ask([.. lists.SelectMany(l => l)]); // together, for fuller passes
        double[] shares = new double[lists.Length];
        int at = 0;
        for (int i = 0; i < lists.Length; i++)
        {
            shares[i] = right.AsSpan(at, lists[i].Length).Count(true) / (double)lists[i].Length;
            at += lists[i].Length;
        }
        return shares;
    }
}
