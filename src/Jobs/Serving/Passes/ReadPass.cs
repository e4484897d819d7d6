using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// A pass that reads sites of a request's inputs. Several requests share a pass; each row has its own edits.
/// </summary>
sealed class ReadPass(AccessCall call) : PassWork<IReadOnlyList<AccessResult>>
{
    // Tokens that passes of several requests have together, and floats that they record: beyond, a pass
    // alone fills the cores, and memory would grow with the queue.
    const int MostTokens = 1024;
    const long MostFloats = 64L << 20;

    readonly AccessCall _call = call;

    public override double TokenLayers => (double)_call.Tokens * _call.Model.Config.Layers;

    IEnumerable<Site> Sites => _call.ReadSites.SelectMany(s => s).Distinct();

    public override bool Joins(IReadOnlyList<PassWork> others)
    {
        if (!Shares || others.Any(o => o is not ReadPass { Shares: true }))
            return false;
        ReadPass[] all = [.. others.Cast<ReadPass>(), this];
        int longest = all.Max(r => r.Longest), rows = all.Sum(r => r._call.Rows.Count);
        Site[] sites = [.. all.SelectMany(r => r.Sites).Distinct()];
        return rows * longest <= MostTokens
            && sites.Sum(site => rows * FloatsOf(site, longest)) <= MostFloats;
    }

    public override void Run(ResidentModel model, IReadOnlyList<PassWork> together)
    {
        ReadPass[] passes = [.. together.Cast<ReadPass>()];
        SequenceBatch rows = new([.. passes.SelectMany(p => p._call.Rows)]);
        Site[] sites = [.. passes.SelectMany(p => p.Sites).Distinct().Order()];
        var options = new SessionOptions
        {
            MaxRows = rows.B, MaxTokens = rows.T, Record = sites,
            Logits = passes.Any(p => p._call.Request.Logits) ? LogitsAt.Last : LogitsAt.None,
        };
        var edits = new List<Edit>();
        int first = 0;
        foreach (ReadPass pass in passes)
        {
            edits.AddRange(pass._call.EditsFrom(first));
            first += pass._call.Rows.Count;
        }
        using var session = new ModelSession(model.Model, options);
        using (model.Model.Attach(edits))
            session.Forward(rows);
        float[] logits = options.Logits == LogitsAt.Last ? session.Logits.ToArray() : [];
        var values = new Dictionary<Site, (int[] Shape, float[] Values)>();
        foreach (Site site in sites)
            values[site] = (session.Recordings[site].Shape, session.Recordings[site].ToArray());
        int row = 0;
        foreach (ReadPass pass in passes)
        {
            var results = new List<AccessResult>();
            foreach (int[] input in pass._call.Rows)
                results.Add(pass.Result(values, logits, row++, input.Length));
            pass.Finish(results);
        }
    }

    int Longest => _call.Rows.Max(r => r.Length);

    // Recorded values of another run are found by the row of the pass, which is the request's own only alone.
    bool Shares => _call.Edits.All(e => e.Value is null or ConstantValue or InlineValue or EmbeddingValue);

    long FloatsOf(Site site, int T) => SiteFacts.Floats(site.Kind, _call.Model.Config, T);

    AccessResult Result(
        Dictionary<Site, (int[] Shape, float[] Values)> values, float[] logits, int row, int length)
    {
        var result = new AccessResult();
        int V = _call.Model.Config.VocabSize;
        if (_call.Request.Logits)
            result.Logits = logits.AsSpan(row * V, V).ToArray();
        for (int i = 0; i < _call.Request.Reads.Count; i++)
            foreach (Site site in _call.ReadSites[i])
            {
                // The same site may be read in several ways.
                string name = site.Name;
                for (int n = 2; result.Reads.ContainsKey(name); n++)
                    name = $"{site.Name}#{n}";
                result.Reads[name] = SiteValues.Of(
                    _call.Model, _call.Request.Reads[i], site, values[site], row, length);
            }
        return result;
    }
}
