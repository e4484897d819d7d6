using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Whether models have the same tokens, as far as their folders say.</summary>
static class OneVocabulary
{
    /// <summary>Refuses folders whose tokenizers give one id two meanings; those without a tokenizer are
    /// passed over.</summary>
    /// <exception cref="UserException">Two folders differ; the line names the first token that
    /// does.</exception>
    internal static void Require(IEnumerable<string> folders)
    {
        (string Folder, IReadOnlyList<string> Tokens)? first = null;
        foreach (string folder in folders.Where(ByteBpeTokenizer.ExistsIn))
        {
            IReadOnlyList<string> tokens = ByteBpeTokenizer.Load(folder).Vocabulary.Tokens;
            first ??= (folder, tokens);
            (string with, IReadOnlyList<string> known) = first.Value;
            int same = known.Zip(tokens).TakeWhile(p => p.First == p.Second).Count();
            if (same < Math.Min(known.Count, tokens.Count))
                throw new UserException($"{Quoted.Path(folder)} has other tokens than {Quoted.Path(with)}: "
                    + $"token {same} is {Quoted.Name(tokens[same])} and {Quoted.Name(known[same])}; only "
                    + "models of one vocabulary have a loss between them");
        }
    }
}
