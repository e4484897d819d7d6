namespace HeadTap.Models;

/// <summary>The rank of a token among all, on the host.</summary>
public static class LogitRank
{
    /// <summary>Returns the rank, 1 for the largest logit; ties go to the lower id.</summary>
    /// <param name="logits">[V].</param>
    /// <param name="token">Token id.</param>
    public static int Of(ReadOnlySpan<float> logits, int token)
    {
        int rank = 1;
        for (int v = 0; v < logits.Length; v++)
            if (logits[v] > logits[token] || (logits[v] == logits[token] && v < token))
                rank++;
        return rank;
    }
}
