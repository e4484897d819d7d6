using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The head that a checkpoint of a tied model holds beside the token embedding.</summary>
static class StoredHead
{
    /// <summary>
    /// Whether it is another matrix than the token embedding. Weights that cannot be opened have none: what
    /// is
    /// wrong with them is told when they are read.
    /// </summary>
    internal static bool Differs(string dir, ModelConfig config)
    {
        if (WeightFiles.InFolder(dir) is not { } weights)
            return false;
        try
        {
            using SafetensorsShards shards = SafetensorsShards.Open(weights);
            Architecture architecture = config.Architecture;
            string prefix = CheckpointNames.Prefix(shards, architecture);
            return Find(Role.HeadWeight) is { } head && Find(Role.TokenEmbedding) is { } embedding
                && (!head.Shape.SequenceEqual(embedding.Shape)
                    || (head.Dtype.IsFloat() && embedding.Dtype.IsFloat()
                        && !shards.SameNumbers(head.Name, embedding.Name)));

            SafetensorsEntry? Find(Role role) => shards.Entries.FirstOrDefault(e =>
                CheckpointNames.Plain(e.Name, prefix, architecture) == architecture.NameOf(role));
        }
        catch (UserException)
        {
            return false;
        }
    }
}
