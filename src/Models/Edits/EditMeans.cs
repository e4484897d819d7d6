using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Finds the values of edits that stand for a mean over a data set: mean ablation, or a mean direction.
/// </summary>
public static class EditMeans
{
    const int MostRows = 8;

    /// <summary>The edits with numbers in place of each mean; the others as they are.</summary>
    /// <remarks>
    /// The mean of a site is taken over all tokens of the data set, before any of these edits; texts longer
    /// than the context are cut into rows. An edit of several sites becomes one for each.
    /// </remarks>
    /// <param name="model">The model; edits that are attached to it are in force.</param>
    /// <param name="edits">The edits.</param>
    /// <param name="tokenizer">Encodes texts; null where the data set is ids.</param>
    /// <param name="bos">The token before each text that does not begin with it; null for none.</param>
    /// <param name="progress">Told the share that is done; may end the work by throwing.</param>
    /// <exception cref="UserException">A data set cannot be read, or has no token.</exception>
    public static IReadOnlyList<Edit> Find(LanguageModel model, IReadOnlyList<Edit> edits,
        ByteBpeTokenizer? tokenizer, int? bos, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(edits);
        if (!edits.Any(e => e.Value is DataMeanValue))
            return edits;
        var means = new Dictionary<(string, Site), float[]>();
        foreach (IGrouping<string, Edit> file in edits.Where(e => e.Value is DataMeanValue)
            .GroupBy(e => ((DataMeanValue)e.Value!).Path))
        {
            foreach (Edit edit in file)
                edit.Validate(model.Config);
            Site[] sites = [.. file.SelectMany(e => e.Site.In(model.Config)).Distinct().Order()];
            int[][] rows = Rows(file.Key, model.Config, tokenizer, bos);
            foreach ((Site site, float[] mean) in Means(model, sites, rows, progress))
                means[(file.Key, site)] = mean;
        }
        return [.. edits.SelectMany(e => e.Value is not DataMeanValue { Path: var path } ? (Edit[])[e]
            : [.. e.Site.In(model.Config).Select(site => e with
            {
                Site = site, Value = EditValue.Numbers(means[(path, site)]),
            })])];
    }

    static int[][] Rows(string path, ModelConfig config, ByteBpeTokenizer? tokenizer, int? bos)
    {
        bool ids = Path.GetExtension(path).Equals(".json", StringComparison.OrdinalIgnoreCase);
        if (!ids && tokenizer is null)
            throw new UserException($"{Quoted.Path(path)}: texts need a tokenizer, and the model has none; "
                + "expected a .json file with a list of lists of token ids");
        Func<string, int[]>? encode = tokenizer is null ? null : text => tokenizer.Encode(text);
        IEnumerable<int[]> texts = ids ? TokenRowsFile.Read(path, encode)
            : TextDocuments.Read(path).Select(t => tokenizer!.Encode(t));
        int[][] rows = [.. texts.Where(t => t.Length > 0)
            .SelectMany(t => BeginOfText.Before(t, bos).Chunk(config.ContextLength))];
        if (rows.Length == 0)
            throw new UserException($"{Quoted.Path(path)}: there is no token in it; expected some to take a "
                + "mean over");
        new SequenceBatch([.. rows]).Validate(config);
        return rows;
    }

    static Dictionary<Site, float[]> Means(
        LanguageModel model, Site[] sites, int[][] rows, Action<double>? progress)
    {
        var sums = sites.ToDictionary(s => s,
            s => new double[SiteLayout.Of(s.Kind, model.Config, 1, 1).Width]);
        int most = Math.Min(MostRows, rows.Length), done = 0;
        using (var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = most, MaxTokens = rows.Max(r => r.Length), Record = sites,
        }))
            foreach (int[][] pass in rows.OrderBy(r => r.Length).Chunk(most))
            {
                var batch = new SequenceBatch([.. pass]);
                session.Forward(batch);
                foreach (Site site in sites)
                    Add(session.Recordings[site].ToArray(), batch, sums[site]);
                progress?.Invoke((double)(done += pass.Length) / rows.Length);
            }
        long tokens = rows.Sum(r => (long)r.Length);
        return sums.ToDictionary(s => s.Key, s => Array.ConvertAll(s.Value, v => (float)(v / tokens)));
    }

    static void Add(float[] values, SequenceBatch batch, double[] sum)
    {
        for (int b = 0; b < batch.B; b++)
            for (int t = 0; t < batch.Lengths[b]; t++)
            {
                ReadOnlySpan<float> row = values.AsSpan((b * batch.T + t) * sum.Length, sum.Length);
                for (int i = 0; i < sum.Length; i++)
                    sum[i] += row[i];
            }
    }
}
