using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Whether token ids of several models mean the same tokens.</summary>
static class OneVocabulary
{
    /// <summary>Refuses models whose tokenizers differ; a folder without one is not looked at.</summary>
    /// <param name="folders">The models.</param>
    /// <param name="why">Ends the message: what only models of one vocabulary do.</param>
    /// <exception cref="UserException">Two tokenizers give one id to different tokens.</exception>
    internal static void Require(IEnumerable<string> folders, string why)
    {
        (string Folder, IReadOnlyList<string> Tokens)? first = null;
        foreach (string folder in folders)
        {
            if (!ByteBpeTokenizer.ExistsIn(folder))
                continue;
            IReadOnlyList<string> tokens = ByteBpeTokenizer.Load(folder).Vocabulary.Tokens;
            first ??= (folder, tokens);
            (string with, IReadOnlyList<string> known) = first.Value;
            int same = known.Zip(tokens).TakeWhile(p => p.First == p.Second).Count();
            if (same < Math.Min(known.Count, tokens.Count))
                throw new UserException($"{Quoted.Path(folder)} has other tokens than {Quoted.Path(with)}: "
                    + $"token {same} is {Quoted.Name(tokens[same])} and {Quoted.Name(known[same])}; only "
                    + $"models of one vocabulary {why}");
        }
    }
}
